"""What is carried by HTTP under a name of its own, told by the first request: (name in applications.toml, signature).

The order is that of trust: the first that fits is taken. It is told before any row is closed, so what the host or
the User-Agent tells only counts where none of these fits.
"""

from sonde.schema import YES, At, Has, Signature, begins

MOST = 1200  # octets of a request's head that are looked at

_METHODS = ("PROPFIND ", "PROPPATCH ", "MKCOL ", "COPY ", "MOVE ", "LOCK ", "UNLOCK ", "REPORT ", "SEARCH ")


def _has(*texts: bytes) -> tuple[Signature, ...]:
    return tuple(Signature((Has(text, 4, MOST),), YES, "orig", "tcp", min_length=16) for text in texts)


def _fields(*names: bytes) -> tuple[Signature, ...]:
    """Declare fields of a head, in the ways that their names are written."""
    return _has(*(b"\r\n" + each + b":" for name in names for each in dict.fromkeys((name, name.lower()))))


_TOLD: tuple[tuple[str, tuple[Signature, ...]], ...] = (
    ("gnutella-transfer", begins("GET /uri-res/N2", "GET /gnutella/", verdict=YES, side="orig", transport="tcp")),
    ("gnutella-transfer", _fields(b"X-Gnutella-Content-URN")),
    # Its downloads are told by the User-Agent alone, as all clients are (applications.toml); its questions, which go
    # to servers of any name, are SOAP as well.
    (
        "windows-update",
        tuple(
            Signature((Has(b"User-Agent: Windows-Update-Agent/", 4, MOST), Has(form, 4, MOST)), YES, "orig", "tcp")
            for form in (b"\r\nSOAPAction:", b": application/soap+xml")
        ),
    ),
    ("webdav", begins(*_METHODS, verdict=YES, side="orig", transport="tcp")),
    ("rpc-over-http-proxy", begins("RPC_IN_DATA ", "RPC_OUT_DATA ", verdict=YES, side="orig", transport="tcp")),
    ("icecast-http", _fields(b"Icy-MetaData")),
    ("ipp", _has(b": application/ipp\r\n")),
    ("soap", _fields(b"SOAPAction")),
    ("soap", _has(b": application/soap+xml")),
    ("ocsp", _has(b": application/ocsp-request")),
    ("json-rpc-http", _has(b": application/json-rpc", b": application/jsonrequest")),
    (
        "hls",
        tuple(Signature((At(0, b"GET "), Has(b".m3u8" + end, 4, 600)), YES, "orig", "tcp") for end in (b" HTTP", b"?")),
    ),
    (
        "mpeg-dash",
        tuple(
            Signature((At(0, b"GET "), Has(kind + end, 4, 600)), YES, "orig", "tcp")
            for kind in (b".mpd", b".m4s")
            for end in (b" HTTP", b"?")
        ),
    ),
)
APPLICATIONS = tuple((name, signature) for name, signatures in _TOLD for signature in signatures)
