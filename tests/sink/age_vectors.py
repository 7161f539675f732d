"""Test vectors of age (C2SP CCTV, age/testdata): headers and what must come of them.

Published under the BSD licence by the C2SP authors. All but two have the payload of the first,
whose plain text has the SHA-256 PLAIN.
"""

IDENTITY = "AGE-SECRET-KEY-1XMWWC06LY3EE5RYTXM9MFLAZ2U56JJJ36S0MYPDRWSVLUL66MV4QX3S7F6"
OTHER_IDENTITY = "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0"
NO_MATCH_IDENTITY = "AGE-SECRET-KEY-143WN7DCXU4G8R5AXQSSYD9AEPYDNT3HXSLWSPK36CDU6E8M59SSSAGZ3KG"
FILE_KEY = bytes.fromhex("59454c4c4f57205355424d4152494e45")
PLAIN = "013f54400c82da08037759ada907a8b864e97de81c088a182062c4b5622fd2ab"
# Of the vector `armor`, whose base64 has the octets of `x25519`.
WHOLE = (
    "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBURWlGMHlwcXIrYnB2Y3FY"
    "TnlDVkpwTDdPdXdQZFZ3UEw3S1FFYkZET0NjCkVtRUNBRWNLTituL1ZzOVNiV2lW"
    "K0h1MHIrRThSNzdEZFdZeWQ4M253N1UKLS0tIFZuKzU0anFpaVVDRStXWmNFVlkz"
    "ZjFzcUhqbHUvejFMQ1EvVDdYbTdxSTAK7s9ix86RtDMnTmjU8vkTTLdMW/73vqpS"
    "yPC8DpksHoMx+2Y="
)
V1 = "age-encryption.org/v1\n"
STANZA = "-> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc\nEmECAEcKN+n/Vs9SbWiV+Hu0r+E8R77DdWYyd83nw7U\n"
OTHER_STANZA = "-> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc\nhjabGXwSLQ9c3S6Lw2i+S2Tu2fiwQHHslbBN6B41FLE\n"
#: Headers before that same payload.
GOOD = {
    "x25519": V1 + STANZA + "--- Vn+54jqiiUCE+WZcEVY3f1sqHjlu/z1LCQ/T7Xm7qI0\n",
    "x25519_grease": V1 + "-> grease\n\n" + STANZA + "-> grease\n\n--- 7NLrfbRUZt6qK0pdtARUf59dHwo12ReldjJKjMlbE3I\n",
    "stanza_valid_characters": V1
    + "-> !\"#$%&' ()*+,-./ 01234567 89:;<=>? @ABCDEFG HIJKLMNO\n\n"
    + "-> PQRSTUVW XYZ[\\]^_ `abcdefg hijklmno pqrstuvw xyz{|}~\n\n"
    + STANZA
    + "--- x538z9xJq9XEK1aTTTv80aWDVvVdROvaXn2tpqXPC8g\n",
}
#: Header, identity, and "no match" or "header failure".
BAD = {
    "x25519_bad_tag": (
        V1 + STANZA.replace("83nw7U", "83nw0o") + "--- tG0k9bg4iIuBdMWb13n7FFYDzoBbtsLppNLhbh22aKg\n",
        IDENTITY,
        "no match",
    ),
    "x25519_no_match": (
        V1
        + "-> X25519 ajtqAvDEkVNr2B7zUOtq2mAQXDSBlNrVAuM/dKb5sT4\nHUKtz0R2j5Bl2ER7HhAZrURikCFpiIjNa0KjHcjbAGU\n"
        + "--- rrpTlvKEKrK3EqhoOPJeP1KE8O1d2arrRez77mwekRc\n",
        NO_MATCH_IDENTITY,
        "no match",
    ),
    "x25519_low_order": (
        V1
        + "-> X25519 X5yVvKNQjCSx0LFVnIPvWwREXMRYHI6G2CJO3dCfEdc\n3E0NpFans/m0WLWF7+54ZBdNj3iqQqpraGDFiaRkvBA\n"
        + "--- sXw327YMT1/ULXe+ZyRMbMY0Z2jnWHGgI9j1we6yQ8A\n",
        OTHER_IDENTITY,
        "header failure",
    ),
    "x25519_identity": (
        V1
        + "-> X25519 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\nW3E/OCRme9TiTY97JoK31Z71arNur77WIIdB90XnN3M\n"
        + "--- Pne3IPMDvBj7wRbPMcNViffpVZAx814tgMxp8AwyMhs\n",
        OTHER_IDENTITY,
        "header failure",
    ),
    "x25519_not_canonical_share": (
        V1 + STANZA.replace("FDOCc", "FDOCd") + "--- AO6haEGU6BGJ8Tzeqnr2fSLEo31JrWodGtZuCZmijI8\n",
        IDENTITY,
        "header failure",
    ),
    "x25519_extra_argument": (
        V1 + STANZA.replace("FDOCc", "FDOCc 1234") + "--- hQQySEUXL8pOuIOuw0qXzi66RphDJP9IKMNEChNJIPk\n",
        IDENTITY,
        "header failure",
    ),
    "hmac_not_canonical": (
        V1 + OTHER_STANZA + "--- WyJp9F/9FOZh7gJdheq2WIJcwHgYc8NIVh3ddwhrcNh\n",
        OTHER_IDENTITY,
        "header failure",
    ),
    "hmac_truncated": (V1 + OTHER_STANZA + "--- WyJp\n", OTHER_IDENTITY, "header failure"),
    "hmac_garbage": (
        V1 + OTHER_STANZA + "--- WyJp9F/9FOZh7gJdheq2WIJcwHgYc8NIVh3ddwhrcNgAAA\n",
        OTHER_IDENTITY,
        "header failure",
    ),
    "header_crlf": (
        (V1 + OTHER_STANZA + "--- 2KIGb7ye32MWtUuEVWkO3MP6qCDLzOvT9wF06lelBSI\n").replace("\n", "\r\n"),
        OTHER_IDENTITY,
        "header failure",
    ),
    "version_unsupported": (
        V1.replace("v1", "v1234") + STANZA + "--- 38AL8Mr4VwmS6CNbM4bc7u3WwGBDqsMTRHOuYJ9ckqs\n",
        IDENTITY,
        "header failure",
    ),
    "stanza_not_canonical": (
        V1
        + STANZA
        + "-> stanza\nQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB\nQUF\n"
        + "--- nQM2VCzmNLPrUurNWN+SW9wVp/9uTMQ/6CTUM7l8c84\n",
        IDENTITY,
        "header failure",
    ),
    "stanza_missing_final_line": (
        V1
        + STANZA
        + "-> stanza\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
        + "--- GRjUy1ShNhFoV3cQikdtUZqDeDEZSrbtNXUgDtDbwC8\n",
        IDENTITY,
        "header failure",
    ),
}
