"""Numbers of the TLS registries and what they are called.

Sources: IANA, Transport Layer Security (TLS) Parameters; names of versions, groups and
alerts are spelt as Zeek's ssl.log spells them, so that records compare.
"""

from sonde.dissect.handshake.ciphers import CIPHERS
from sonde.schema import code

SSL2, SSL3, TLS10, TLS12, TLS13 = 2, 0x0300, 0x0301, 0x0303, 0x0304
DTLS10, DTLS12, DTLS13 = 0xFEFF, 0xFEFD, 0xFEFC
DRAFT_13 = 0x7F  # first octet of the versions that the drafts of TLS 1.3 used

VERSIONS = {
    SSL2: "SSLv2",
    SSL3: "SSLv3",
    TLS10: "TLSv10",
    0x0302: "TLSv11",
    TLS12: "TLSv12",
    TLS13: "TLSv13",
    DTLS10: "DTLSv10",
    DTLS12: "DTLSv12",
    DTLS13: "DTLSv13",
    0x0100: "DTLSv10-openssl",  # what OpenSSL before 0.9.8f sent
    0x0101: "TLCPv11",  # GB/T 38636
}
VERSIONS.update({DRAFT_13 << 8 | draft: f"TLSv13-draft{draft}" for draft in range(14, 29)})

GREASE = {n << 12 | 0xA00 | n << 4 | 10: f"grease_0x{n << 12 | 0xA00 | n << 4 | 10:04X}" for n in range(16)}  # RFC 8701

#: Supported Groups (RFC 8422 §5.1.1, RFC 7919, RFC 8446 §4.2.7 and drafts).
GROUPS = dict(
    enumerate(
        "sect163k1 sect163r1 sect163r2 sect193r1 sect193r2 sect233k1 sect233r1 sect239k1 sect283k1 sect283r1 "
        "sect409k1 sect409r1 sect571k1 sect571r1 secp160k1 secp160r1 secp160r2 secp192k1 secp192r1 secp224k1 "
        "secp224r1 secp256k1 secp256r1 secp384r1 secp521r1 brainpoolP256r1 brainpoolP384r1 brainpoolP512r1 "
        "x25519 x448 brainpoolP256r1tls13 brainpoolP384r1tls13 brainpoolP512r1tls13 GC256A GC256B GC256C GC256D "
        "GC512A GC512B GC512C curveSM2".split(),
        1,
    )
)
GROUPS.update({256: "ffdhe2048", 257: "ffdhe3072", 258: "ffdhe4096", 259: "ffdhe6144", 260: "ffdhe8192"})
GROUPS.update({512: "MLKEM512", 513: "MLKEM768", 514: "MLKEM1024"})
GROUPS.update({4587: "SecP256r1MLKEM768", 4588: "X25519MLKEM768", 4589: "SecP384r1MLKEM1024"})
GROUPS.update({4590: "curveSM2MLKEM768", 16696: "CECPQ2"})
GROUPS.update({25497: "X25519Kyber768Draft00", 25498: "SecP256r1Kyber768Draft00"})
GROUPS.update({0xFF01: "arbitrary_explicit_prime_curves", 0xFF02: "arbitrary_explicit_char2_curves"})
GROUPS.update(GREASE)

#: Alerts (RFC 8446 §6, and those that earlier versions had).
ALERTS = {
    0: "close_notify",
    10: "unexpected_message",
    20: "bad_record_mac",
    21: "decryption_failed",
    22: "record_overflow",
    30: "decompression_failure",
    40: "handshake_failure",
    41: "no_certificate",
    42: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    60: "export_restriction",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    90: "user_canceled",
    100: "no_renegotiation",
    109: "missing_extension",
    110: "unsupported_extension",
    111: "certificate_unobtainable",
    112: "unrecognized_name",
    113: "bad_certificate_status_response",
    114: "bad_certificate_hash_value",
    115: "unknown_psk_identity",
    116: "certificate_required",
    117: "general_error",
    120: "no_application_protocol",
    121: "ech_required",
}

Version = code(VERSIONS)
Cipher = code({**CIPHERS, **GREASE})
Group = code(GROUPS)
Alert = code(ALERTS)
