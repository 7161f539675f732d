"""Mechanisms to log in with, by name (RFC 4422 §3.1, IANA's registry "SASL Mechanisms").

A client that leaves the mechanism out sends its password in that place. What has no name on
this list is therefore not copied, whatever it looks like.
"""

import numpy as np

from sonde.wire import Int, Wire, kernel, lower

NAMES = (
    "ANONYMOUS CRAM-MD5 DIGEST-MD5 EAP-AES128 EAP-AES128-PLUS ECDH-X25519-CHALLENGE ECDSA-NIST256P-CHALLENGE EXTERNAL "
    "GS2-KRB5 GS2-KRB5-PLUS GSS-SPNEGO GSSAPI KERBEROS_V4 KERBEROS_V5 LOGIN NMAS-SAMBA-AUTH NMAS_AUTHEN NMAS_LOGIN "
    "NTLM OAUTH10A OAUTHBEARER OPENID20 OTP PLAIN SAML20 SCRAM-SHA-1 SCRAM-SHA-1-PLUS SCRAM-SHA-256 "
    "SCRAM-SHA-256-PLUS SCRAM-SHA-512 SCRAM-SHA-512-PLUS SECURID SKEY SPNEGO SPNEGO-PLUS SXOVER-PLUS XOAUTH XOAUTH2 "
    "X-OAUTH2 MSN APOP"
).lower().split()  # fmt: skip
LONGEST = max(map(len, NAMES))
#: A row for each name, zeros behind it.
TABLE = np.array([list(name.encode().ljust(LONGEST, b"\0")) for name in NAMES], np.uint8)


@kernel
def mechanism_end(wire: Wire, at: Int, end: Int) -> Int:
    """Give `end` where wire[at:end] names a mechanism in any case, else `at`: nothing of it may be kept."""
    length = end - at
    if length <= 0 or length > LONGEST:
        return at
    for name in range(len(TABLE)):
        if length < LONGEST and TABLE[name, length] != 0:
            continue
        same = 0
        while same < length and TABLE[name, same] == lower(wire[at + same]):
            same += 1
        if same == length:
            return end
    return at
