"""Where networks run: devices by name, and how memory is kept and runs out there."""

from __future__ import annotations

import ctypes

import torch

from segcore.errors import ConfigError


def choose_device(name: str = "auto") -> torch.device:
    """The device of a name: `cpu`, `cuda`, or with `auto` the GPU where there is one and the CPU otherwise.

    Raises:
        ConfigError: for any other name, and for `cuda` where there is no such device.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise ConfigError("unknown device", found=name, expected="auto, cpu or cuda")
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise ConfigError("there is no CUDA device here", expected="--device auto or cpu")
    return torch.device("cuda" if there and name != "cpu" else "cpu")


def keep_freed_memory() -> None:
    """Asks the C library to keep freed memory for the next tensor.

    Otherwise glibc returns every large tensor to the system and the next one is paid for page by
    page: a training step of a narrow network took half as long again (benchmarks/README.md).
    """
    try:
        libc = ctypes.CDLL("libc.so.6")
        m_trim_threshold, m_mmap_threshold, largest = -1, -3, 2**31 - 1
        libc.mallopt(m_mmap_threshold, largest)
        libc.mallopt(m_trim_threshold, largest)
    except (OSError, AttributeError):
        return  # Another C library, with habits of its own.


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error is a lack of memory, of the CPU's or a GPU's; PyTorch has no one class for both."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)
