"""
A client's frames, found in bytes as they come. Pure.

Source: https://www.rfc-editor.org/rfc/rfc6455#section-5.2
"""

from websockets.frames import apply_mask  # type: ignore[attr-defined]

# The first byte of a frame that is a whole message of text; of another, what its bits say.
WHOLE_TEXT = 0x81
FIN = 0x80
CONTROL = 0x08
# Of the second: a client masks all that it sends, with a key of four bytes.
MASKED = 0x80
KEY_SIZE = 4
# The longest head: eight bytes of length, and a key.
MAX_HEAD = 14


def plain_texts(data: bytes | bytearray, at: int, most: int) -> tuple[list[bytes], int]:
    """
    Cut out the plain texts that ``data`` has from ``at`` on, ``most`` of them at most.

    Plain is a frame that is there to its end and holds a whole message of ASCII text, its length
    told as briefly as can be, in two bytes or less. What others are is for websockets to say.

    Returns:
        Their payloads, and where the last of them ends.
    """
    texts: list[bytes] = []
    size = len(data)
    while size - at >= 2 + KEY_SIZE and data[at] == WHOLE_TEXT and len(texts) < most:
        length = data[at + 1] - MASKED
        begins = at + 2 + KEY_SIZE
        if length == 126:
            length = data[at + 2] << 8 | data[at + 3]
            begins += 2
            if length < 126:
                break
        elif not 0 <= length < 126:
            break
        ends = begins + length
        if ends > size:
            break
        text = apply_mask(data[begins:ends], data[begins - KEY_SIZE : begins])
        if not text.isascii():
            break
        texts.append(text)
        at = ends
    return texts, at


def frame_end(data: bytes | bytearray, at: int) -> int | None:
    """Return where the frame ends that begins at ``at``; None if its head is not all there."""
    size = 2
    if len(data) - at < size:
        return None
    length = data[at + 1] & ~MASKED
    if length > 125:
        size += 2 if length == 126 else 8
        if len(data) - at < size:
            return None
        length = int.from_bytes(data[at + 2 : at + size])
    if data[at + 1] & MASKED:
        size += KEY_SIZE
    return at + size + length


def ends_in_pieces(first: int, *, before: bool) -> bool:
    """Whether a message is in pieces and not whole yet, after a frame with this first byte."""
    return before if first & CONTROL else not first & FIN
