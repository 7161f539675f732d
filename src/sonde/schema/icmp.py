"""Which ICMP messages answer each other (RFC 792, RFC 4443, RFC 4861, RFC 2710, RFC 6275)."""

import numpy as np


def _counterparts(pairs: dict[int, int]) -> np.ndarray:
    table = np.full(256, -1, np.int16)
    for request, answer in pairs.items():
        table[request], table[answer] = answer, request
    return table


#: For each type the type that answers it, or -1; the two stand where others have ports.
COUNTERPART_V4 = _counterparts({8: 0, 13: 14, 15: 16, 17: 18, 10: 9})
COUNTERPART_V6 = _counterparts({128: 129, 130: 131, 133: 134, 135: 136, 139: 140, 144: 145, 146: 147})
ONE_WAY_V4 = (COUNTERPART_V4 < 0).astype(np.int64)
ONE_WAY_V6 = (COUNTERPART_V6 < 0).astype(np.int64)
