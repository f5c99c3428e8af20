"""Builds LiteRT interpreters: one model on one thread, without LiteRT's information lines."""

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ai_edge_litert.interpreter import Interpreter

from hkplates.errors import BundleInvalid
from hkplates.recognition.bundles.bundle import REMEDY


def open_interpreter(model: Path, shape: Sequence[int] | None = None) -> Interpreter:
    """Builds an interpreter of a model's file on one thread, its input resized to `shape` if given.

    Safe to build before or after a fork; not to be used by two threads at once.

    Raises:
        BundleInvalid: LiteRT cannot load the model.
    """
    try:
        with suppress_info_lines():
            interpreter = Interpreter(model_path=str(model), num_threads=1)
            if shape is not None:
                interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], shape)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise BundleInvalid(f"LiteRT cannot load {model}: {error}. {REMEDY}") from None
    return interpreter


@contextmanager
def suppress_info_lines() -> Iterator[None]:
    """Drops LiteRT's "INFO: Created ..." on standard error, which no setting turns off.

    All other lines written meanwhile come out afterwards.
    """
    # LiteRT writes from C++ to descriptor 2, past `sys.stderr`: the descriptor is redirected.
    sys.stderr.flush()
    real = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(real, 2)
            os.close(real)
            held.seek(0)
            kept = b"".join(line for line in held if not line.startswith(b"INFO: "))
            if kept:
                os.write(2, kept)
