"""Makes files of unsupported formats under names of photographs."""

import io
import zipfile
from collections.abc import Iterator

from PIL import Image


def unsupported_files(photo: bytes) -> Iterator[tuple[str, bytes]]:
    """Yields names and bytes; `photo` is a whole JPEG, for files of two formats at once."""
    yield from _texts()
    yield from _other_formats()
    yield from _two_at_once(photo)


def _texts() -> Iterator[tuple[str, bytes]]:
    page = b"<!DOCTYPE html><html><head><title>503 Service Unavailable</title></head></html>"
    yield "empty.jpg", b""
    yield "one-byte.jpg", b"\xff"
    yield "two-bytes.jpg", b"\xff\xd8"
    yield "zeros.jpg", bytes(5000)
    yield "ones.jpg", b"\xff" * 5000
    yield "diary.jpg", b"Dear diary, today I parked in Mong Kok.\n" * 40
    yield "wide-text.jpg", "a page in UTF-16".encode("utf-16") * 40
    yield "error-page.jpg", page
    yield "error-page-late.jpg", b"\n\n  " + page.lower()
    yield "denied.jpg", b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>"
    yield "drawing.png", b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"
    yield "answer.jpg", b'{"error": "not found", "status": 404}'
    yield "pointer.jpg", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"


def _other_formats() -> Iterator[tuple[str, bytes]]:
    picture = Image.linear_gradient("L").resize((40, 30)).convert("RGB")
    for kind in ("GIF", "ICO", "JPEG2000", "AVIF", "PPM", "TGA", "PCX", "PDF", "SGI", "DDS"):
        file = io.BytesIO()
        picture.save(file, kind)
        yield f"{kind.lower()}.jpg", file.getvalue()
    film = io.BytesIO()
    frames = [picture.rotate(9 * turn) for turn in range(30)]
    picture.save(film, "GIF", save_all=True, append_images=frames)
    yield "film.gif", film.getvalue()
    for name, start in (
        ("phone.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
        ("phone.heif", b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic"),
        ("film.jpg", b"\0\0\0\x18ftypmp42\0\0\0\0isommp42"),
        ("film-apple.jpg", b"\0\0\0\x14ftypqt  \0\0\0\0qt  "),
        ("film-matroska.jpg", b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska"),
        ("film-avi.jpg", b"RIFF\x24\0\0\0AVI LIST"),
        ("film-flash.jpg", b"FLV\1\5\0\0\0\x09"),
        ("xl.jxl", b"\xff\x0a\xfa\x1f\x41\x91"),
        ("xl-boxed.jxl", b"\0\0\0\x0cJXL \r\n\x87\n"),
        ("raw-canon.tif", b"II*\0\x10\0\0\0CR\2\0"),
        ("raw-canon-new.jpg", b"\0\0\0\x18ftypcrx \0\0\0\1"),
        ("raw-fuji.jpg", b"FUJIFILMCCD-RAW 0201"),
        ("raw-olympus.tif", b"IIRO\x08\0\0\0"),
        ("raw-panasonic.tif", b"IIU\0\x18\0\0\0"),
        ("layers.jpg", b"8BPS\0\1\0\0\0\0\0\0\0\3"),
        ("archive.jpg", b"7z\xbc\xaf\x27\x1c\0\4"),
        ("packed.jpg", b"\x1f\x8b\x08\0\0\0\0\0\0\3"),
        ("program.jpg", b"\x7fELF\2\1\1\0"),
    ):
        yield name, start + bytes(300)


def _two_at_once(photo: bytes) -> Iterator[tuple[str, bytes]]:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("bomb", bytes(3_000_000))
    yield "photo-and-archive.jpg", photo + archive.getvalue()
    yield "archive-and-photo.jpg", archive.getvalue() + photo
    yield "document-and-photo.jpg", b"%PDF-1.7\n" + photo
    yield "photo-and-document.jpg", photo + b"%PDF-1.7\n1 0 obj\n"
    yield "photo-and-page.jpg", photo + b"<html><script>alert(1)</script></html>"
    yield "photo-and-film.jpg", photo + b"\0\0\0\x18ftypmp42" + b"\xff\xda" * 3000
    yield "photo-twice.jpg", photo + photo
    yield "photo-after-line.jpg", b"\r\n" + photo
    yield "photo-after-mark.jpg", b"\xef\xbb\xbf" + photo
    yield "photo-as-text.jpg", photo.decode("latin-1").encode("utf-8")
    yield "photo-with-new-lines.jpg", photo.replace(b"\n", b"\r\n")
    yield "photo-without-new-lines.jpg", photo.replace(b"\r\n", b"\n")
