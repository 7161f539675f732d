"""JSON-RPC 2.0 without HTTP around it."""

from sonde.schema import YES, Has, Protocol, begins

PROTOCOL = Protocol(
    "json-rpc",
    "JSON-RPC",
    "JSON-RPC 2.0",
    is_general=True,  # Stratum is JSON-RPC too
    signatures=(
        *begins("{", "[{", verdict=YES, parts=(Has(b'"jsonrpc":"2.0"', 1, 100),)),
        *begins("{", "[{", verdict=YES, parts=(Has(b'"jsonrpc": "2.0"', 1, 100),)),
    ),
    aliases={"ndpi": ("JSON-RPC",)},
)
