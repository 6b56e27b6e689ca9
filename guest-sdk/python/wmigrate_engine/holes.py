"""Fills the holes that building leaves in the component's memory. What is freed there is not given back, but allocated from again, a piece
here and a piece there; each run would then write to pages all over the memory, every one of which has to be copied first."""

import gc

_LARGEST = 64 * 1024
# What the allocator rounds sizes up to.
_STEP = 16
# Zeros, to be kept for good.
_blocks = []


def fill():
    """From then on memory is taken from the end."""
    gc.collect()
    # Larger than any hole: what lies behind it is the end.
    end = bytes(2 * 1024 * 1024)
    for size in range(_LARGEST, 0, -_STEP):
        while True:
            block = bytes(size)
            if id(block) > id(end):
                break
            _blocks.append(block)
