"""Names of readers and runtimes to choose from.

Standard library only: settings, which every command reads, import these.
"""

from typing import Literal

ReaderName = Literal["neural", "tesseract", "ppocr", "both", "none"]
SecondReaderName = Literal["ppocr", "tesseract"]
RuntimeName = Literal["litert", "tensorflow"]
