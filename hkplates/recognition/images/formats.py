"""Identifies a file's format from its first bytes, so that a refusal can name it, or by suffix."""

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP")
"""Formats that are decoded, by Pillow's names."""

# HEIC and the like are listed although no worker reads them: they end as failed, "unsupported",
# where leaving them out would look as if they had never been there.
SUFFIXES = frozenset(
    {"jpg", "jpeg", "jpe", "jfif", "png", "webp", "tif", "tiff", "bmp"}
    | {"heic", "heif", "avif", "gif", "jp2", "jxl"}
)

_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG", "PNG"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),  # BigTIFF
    (b"MM\0+", "TIFF"),
)

_UNSUPPORTED_SIGNATURES = (
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"8BPS", "a Photoshop picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"II\xbc\x01", "a JPEG XR picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"FUJIFILMCCD-RAW", "a Fuji raw picture"),
    (b"IIU\0", "a Panasonic raw picture"),
    (b"IIRO", "an Olympus raw picture"),
    (b"IIRS", "an Olympus raw picture"),
    (b"MMOR", "an Olympus raw picture"),
    (b"FOVb", "a Sigma raw picture"),
    (b"II\x1a\0\0\0HEAPCCDR", "a Canon raw picture"),
    (b"\0\0\x01\0", "an icon"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a Windows Media video"),
    (b"\x1a\x45\xdf\xa3", "a Matroska or WebM video"),
    (b"FLV\x01", "a Flash video"),
    (b"\0\0\x01\xba", "an MPEG video"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
)

# ISO base media files name themselves in the brand after "ftyp" (ISO/IEC 14496-12).
_BRANDS = {
    b"heic": "a HEIC picture",
    b"heix": "a HEIC picture",
    b"heim": "a HEIC picture",
    b"heis": "a HEIC picture",
    b"hevc": "a HEIC sequence",
    b"mif1": "a HEIF picture",
    b"msf1": "a HEIF sequence",
    b"avif": "an AVIF picture",
    b"avis": "an AVIF sequence",
    b"crx ": "a Canon raw picture",
}


def looks_like_image(key: str) -> bool:
    """Checks whether a key ends with a suffix of photographs, in upper or lower case."""
    name = key.rpartition("/")[2]
    return "." in name and name.rpartition(".")[2].lower() in SUFFIXES


def unsupported_name(data: bytes) -> str | None:
    """Returns the name, with its article, of a known format that is not decoded; else None."""
    for start, name in _UNSUPPORTED_SIGNATURES:
        if data.startswith(start):
            return name
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], "an MP4 or QuickTime video")
    if data[:4] == b"RIFF" and data[8:12] == b"AVI ":
        return "an AVI video"
    # Canon's CR2 is TIFF with its own letters behind the first offset.
    if data[:4] in (b"II*\0", b"MM\0*") and data[8:10] == b"CR":
        return "a Canon raw picture"
    return None


def format_name(data: bytes) -> str:
    """Returns one of FORMATS, else a description of the bytes in words."""
    for start, name in _SIGNATURES:
        if data.startswith(start):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    return unsupported_name(data) or _guess(data[:512])


def _guess(head: bytes) -> str:
    if head.lstrip()[:5].lower() in (b"<html", b"<!doc"):
        return "an HTML page"
    if head.lstrip()[:5].lower() in (b"<?xml", b"<svg "):
        return "an XML document"
    if not any(head):
        return "zeros"
    try:
        # A whole head of 512 bytes may end within a character; a shorter file may not.
        text = head.decode("utf-8", "strict" if len(head) < 512 else "ignore")
    except UnicodeDecodeError:
        return "bytes of no known format"
    return (
        "text"
        if text.replace("\n", "").replace("\r", "").replace("\t", "").isprintable()
        else ("bytes of no known format")
    )
