"""The names of what can be chosen. Standard library only: settings are read by every command."""

from typing import Literal

ReaderName = Literal["neural", "tesseract", "both", "none"]
RuntimeName = Literal["litert", "tensorflow"]
