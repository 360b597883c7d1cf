"""How text is encoded that is not UTF-8: as Western European text is, or in a way that no byte tells."""

from collections.abc import Iterable
from typing import Literal

import numpy as np

Encoding = Literal["utf-8", "latin-1", "cp1252"]

# What Windows-1252 has where Latin-1 has control characters: letters and punctuation of Western text, bytes that hardly
# occur in any, and bytes that stand for nothing.
_WESTERN = b"\x80\x85\x8a\x8c\x8e\x91\x92\x93\x94\x95\x96\x97\x99\x9a\x9c\x9e\x9f"
_NOTHING = b"\x81\x8d\x8f\x90\x9d"
_RARE = bytes(set(range(0x80, 0xA0)) - {*_WESTERN})


def western(chunks: Iterable[bytes]) -> Encoding | None:
    """Latin-1 or Windows-1252; None if most of what is not ASCII can hardly be text of either.

    Words of Western languages have one or two such letters side by side. Cyrillic, Greek or Arabic words, and all of
    East Asian text, are runs of them, or have bytes that Western text has no use for; and what is UTF-8 but for a few
    damaged letters is that.
    """
    letters = strange = sound = 0
    controls: set[int] = set()
    for chunk in chunks:
        codes = np.frombuffer(chunk, np.uint8)
        high = np.concatenate([[False, False], codes >= 0x80, [False, False]])
        middle = high[:-2] & high[1:-1] & high[2:]  # of three, by the place before the middle one
        in_run = middle[:-2] | middle[1:-1] | middle[2:]
        letters += int(high.sum())
        strange += int((in_run | np.isin(codes, np.frombuffer(_RARE, np.uint8))).sum())
        sound += len(chunk.decode("utf-8", errors="ignore").encode()) - len(codes) + int(high.sum())
        controls.update(np.unique(codes[(codes >= 0x80) & (codes < 0xA0)]).tolist())
    if max(strange, sound) > letters / 2:
        return None
    return "cp1252" if controls and controls.isdisjoint(_NOTHING) else "latin-1"
