"""Writing tensors to safetensors files, whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from segcore.storage import atomic_file


def save_tensors(tensors: Mapping[str, Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
    """Writes tensors, from any device, to a safetensors file.

    Raises:
        StorageError: if the disk refuses.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_file(path) as temporary:
        try:
            save_file(plain, temporary, metadata)
        except SafetensorError as error:
            # What the system said is in its text only.
            said = re.search(r"os error (\d+)", str(error))
            raise (OSError(int(said[1]), os.strerror(int(said[1]))) if said else OSError(str(error))) from error
