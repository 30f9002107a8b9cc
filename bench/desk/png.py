"""Small PNG files: fewer colours than a palette has, which is plenty for letters on a page."""

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from playwright.async_api import Page

MOST = 224
# The browser reads its own picture; a blank page of it does, so that nothing of ours is in between.
READ = """async (png) => {
  const file = await fetch(`data:image/png;base64,${png}`);
  const picture = await createImageBitmap(await file.blob());
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  const context = canvas.getContext("2d");
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(0, 0, picture.width, picture.height);
  const part = 32768; // so many arguments a function takes
  let text = "";
  for (let at = 0; at < data.length; at += part) {
    text += String.fromCharCode(...data.subarray(at, at + part));
  }
  return [picture.width, picture.height, btoa(text)];
}"""


async def pixels(blank: Page, png: bytes) -> NDArray[np.uint8]:
    """Return the rows of a picture, each a row of red, green and blue."""
    width, height, data = await blank.evaluate(READ, base64.b64encode(png).decode())
    rgba = np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)
    return rgba[:, :, :3]


def encode(picture: NDArray[np.uint8]) -> bytes:
    """Encode a picture with the colours that most of it has; others become the nearest of them."""
    height, width, _ = picture.shape
    red, green, blue = (picture[:, :, part].astype(np.int64) for part in range(3))
    colours, which, often = np.unique(
        red << 16 | green << 8 | blue, return_inverse=True, return_counts=True
    )
    every = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1)
    palette = every[np.argsort(-often, kind="stable")[:MOST]]
    nearest = np.empty(len(every), np.uint8)
    for first in range(0, len(every), 4096):
        part = every[first : first + 4096, None, :] - palette[None, :, :]
        nearest[first : first + 4096] = np.argmin((part**2).sum(axis=2), axis=1)
    rows = np.zeros((height, width + 1), np.uint8)  # a row begins with its filter: none
    rows[:, 1:] = nearest[which].reshape(height, width)
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = [
        chunk(b"IHDR", head),
        chunk(b"PLTE", palette.astype(np.uint8).tobytes()),
        chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)),
        chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def chunk(kind: bytes, data: bytes) -> bytes:
    """Frame a part of a PNG file (https://www.w3.org/TR/png-3/#5Chunk-layout)."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
