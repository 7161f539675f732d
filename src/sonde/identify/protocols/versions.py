"""Systems that keep versions of sources: Subversion (its ra_svn protocol); Git stands by itself."""

from sonde.schema import YES, Protocol, begins

PROTOCOL = Protocol(
    "svn",
    "Subversion",
    "ra_svn protocol",
    tcp_ports=(3690,),
    # Both sides greet with lists; a version of 2 from both.
    signatures=(
        *begins("( success ( 1 2 ", "( success ( 2 2 ", verdict=YES, side="resp", transport="tcp"),
        *begins("( 2 ( edit-pipeline ", verdict=YES, side="orig", transport="tcp"),
    ),
    aliases={"wireshark": ("svn",)},
)
