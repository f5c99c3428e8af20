"""Runs PP-OCR's recogniser in ONNX Runtime, on one thread."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnxruntime

from hkplates.recognition.reading.ppocr.lines import Gray

_ERRORS = 3  # of ONNX Runtime's log levels: its warnings on standard error tell nothing to act on


class Network:
    """PP-OCR's recogniser: `characters` has the character of each class but the first, blank.

    Safe to build before or after a fork.
    """

    def __init__(self, weights: bytes) -> None:
        """Loads the weights, an ONNX file's bytes."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS
        # Lines differ in width: an arena would keep memory for each width that came by.
        options.enable_cpu_mem_arena = False
        self._session = onnxruntime.InferenceSession(
            weights, options, providers=["CPUExecutionProvider"]
        )
        described = self._session.get_modelmeta().custom_metadata_map["character"]
        # The last class is the blank between words, which the list leaves out.
        self.characters: Sequence[str] = (*described.split("\n"), " ")

    def read_line(self, line: Gray) -> npt.NDArray[np.float32]:
        """Returns the probability of each class in each frame, (frames, classes).

        A frame is 8 pixels wide, and class 0 is CTC's blank.
        """
        # One line at a time: beside a longer one a line is padded, which changes scores and texts.
        scaled = (line.astype(np.float32) - 127.5) / 127.5
        pixels = np.broadcast_to(scaled, (1, 3, *line.shape))
        frames = self._session.run(None, {"x": np.ascontiguousarray(pixels)})[0][0]
        return np.asarray(frames, np.float32)
