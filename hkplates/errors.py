"""Defines every error of hkplates, in one tree by who must act.

::

    HkplatesError
    |-- ImageRejected            the image is at fault: record it, never retry
    |   |-- ImageMissing             reason "missing"
    |   |-- ImageForbidden           reason "forbidden"
    |   |-- ImageArchived            reason "archived"
    |   |-- ImageChanged             reason "changed"
    |   |-- ImageEmpty               reason "empty"
    |   |-- ImageUndecodable         reason "undecodable"
    |   |-- ImageTruncated           reason "truncated"
    |   |-- ImageUnsupported         reason "unsupported"
    |   |-- ImageTooLarge            reason "too_large"
    |   `-- ImageUnavailable         reason "unavailable"
    |-- TemporaryFault           a service is away: wait and retry
    |   |-- StoreUnreachable
    |   |-- DatabaseUnreachable
    |   |-- BrokerUnreachable
    |   `-- ReaderFailed
    |-- SourceError              the person who named the source must act
    |   |-- SourceInvalid, FolderMissing, BucketMissing, BucketForbidden, SourceEmpty
    |   `-- CredentialsMissing, CredentialsRejected
    `-- SetupError               the person who runs this machine must act
        |-- SettingInvalid, SchemaNotCurrent, BundleInvalid, RuntimeMissing
        |-- TesseractMissing, PpOcrMissing, SecondReaderMissing
        `-- ServersNotRunning, OutputUnwritable

A message says what happened and what to do next, and never holds a credential. Each branch owns
the exit status of the command line: 1 images rejected, 3 source, 4 temporary, 5 set-up (2 is
wrong usage).
"""

from hkplates.exit_status import ExitStatus


class HkplatesError(Exception):
    """An error that hkplates raises on purpose; the base of all."""

    exit_code = ExitStatus.SOME_FAILED


class ImageRejected(HkplatesError):
    """The image itself is at fault; recorded with its reason, never retried by itself."""

    reason = "rejected"


class ImageMissing(ImageRejected):
    """The object is not in the bucket any more."""

    reason = "missing"


class ImageForbidden(ImageRejected):
    """The object is there, but these credentials may not read it."""

    reason = "forbidden"


class ImageArchived(ImageRejected):
    """The object lies in an archive tier and must be restored before it can be read."""

    reason = "archived"


class ImageChanged(ImageRejected):
    """The object was replaced between listing and reading; submit again to read the new one."""

    reason = "changed"


class ImageEmpty(ImageRejected):
    """The object has no bytes."""

    reason = "empty"


class ImageUndecodable(ImageRejected):
    """The bytes are not an image we can decode."""

    reason = "undecodable"


class ImageTruncated(ImageRejected):
    """The image ends before its data does."""

    reason = "truncated"


class ImageUnsupported(ImageRejected):
    """The image is of a known format that this version does not read (HEIC, video, documents)."""

    reason = "unsupported"


class ImageTooLarge(ImageRejected):
    """The image has more bytes or pixels than the limits allow."""

    reason = "too_large"


class ImageUnavailable(ImageRejected):
    """Its store serves other images, and fails for this one again and again."""

    reason = "unavailable"


class TemporaryFault(HkplatesError):
    """A service is away; the same work will succeed later."""

    exit_code = ExitStatus.SERVICE_AWAY


class StoreUnreachable(TemporaryFault):
    """The object store does not answer, or answers that it is busy."""


class DatabaseUnreachable(TemporaryFault):
    """Postgres does not answer."""


class BrokerUnreachable(TemporaryFault):
    """Redis does not answer."""


class ReaderFailed(TemporaryFault):
    """The program that reads plates crashed, or hung and was stopped."""


class SourceError(HkplatesError):
    """The source that was named cannot be read; the person who named it must act."""

    exit_code = ExitStatus.SOURCE_UNREADABLE


class SourceInvalid(SourceError):
    """The source is neither s3://bucket/prefix nor a folder."""


class FolderMissing(SourceError):
    """The folder does not exist, or may not be read."""


class BucketMissing(SourceError):
    """There is no such bucket at this endpoint."""


class BucketForbidden(SourceError):
    """These credentials may not list the bucket."""


class CredentialsMissing(SourceError):
    """No credentials were found for the object store."""


class CredentialsRejected(SourceError):
    """The object store does not know these credentials."""


class SourceEmpty(SourceError):
    """Nothing that looks like an image lies under the prefix."""


class SetupError(HkplatesError):
    """This installation is not ready; the person who runs it must act."""

    exit_code = ExitStatus.NOT_SET_UP


class SettingInvalid(SetupError):
    """A setting cannot be used as it stands."""


class SchemaNotCurrent(SetupError):
    """The database is not at the migration this version needs; run `hkplates migrate`."""


class BundleInvalid(SetupError):
    """A model folder is missing, incomplete, or not what its hashes say."""


class RuntimeMissing(SetupError):
    """The chosen runtime is not installed."""


class TesseractMissing(SetupError):
    """The tesseract program is not installed."""


class PpOcrMissing(SetupError):
    """PP-OCR's weights, or the ONNX Runtime that runs them, are not installed."""


class SecondReaderMissing(SetupError):
    """The ensemble finds no second reader installed."""


class ServersNotRunning(SetupError):
    """No database or broker is named, and the embedded servers do not run; run `hkplates up`."""


class OutputUnwritable(SetupError):
    """A file cannot be written: its folder is not there, may not be written, or is full."""
