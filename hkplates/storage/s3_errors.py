"""Translates the errors of boto3 and S3 servers into ours, with what to do next."""

from urllib.parse import urlsplit

from botocore import exceptions as botocore
from botocore.exceptions import ClientError, NoCredentialsError, ParamValidationError

from hkplates.errors import (
    BucketForbidden,
    BucketMissing,
    CredentialsMissing,
    CredentialsRejected,
    HkplatesError,
    ImageArchived,
    ImageChanged,
    ImageForbidden,
    ImageMissing,
    SettingInvalid,
    SourceError,
    SourceInvalid,
    StoreUnreachable,
)

REJECTED_CODES = frozenset(
    [
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "ExpiredToken",
        "InvalidToken",
        "TokenRefreshRequired",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "AuthorizationHeaderMalformed",
        "InvalidClientTokenId",
    ]
)
BUSY_CODES = frozenset(
    [
        "SlowDown",
        "ServiceUnavailable",
        "InternalError",
        "RequestTimeout",
        "Throttling",
        "ThrottlingException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "TooManyRequests",
        "BandwidthLimitExceeded",
    ]
)
# An expired login, a role that is not given, a file of settings that cannot be read.
CREDENTIAL_ERRORS = (
    botocore.PartialCredentialsError,
    botocore.ProfileNotFound,
    botocore.CredentialRetrievalError,
    botocore.MetadataRetrievalError,
    botocore.NoAuthTokenError,
    botocore.SSOError,  # its kinds: expired, not logged in
    botocore.TokenRetrievalError,
    botocore.RefreshWithMFAUnsupportedError,
    botocore.UnknownCredentialError,
    botocore.ConfigNotFound,
    botocore.ConfigParseError,
    botocore.InvalidConfigError,
    botocore.InfiniteLoopConfigError,
)
CREDENTIAL_OPERATIONS = frozenset(
    ["AssumeRole", "AssumeRoleWithWebIdentity", "GetRoleCredentials", "CreateToken"]
)
"""Calls that boto3 makes to be given credentials."""
CREDENTIALS_ADVICE = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run where a role is given"
)


def bucket_error(error: Exception, bucket: str, endpoint: str) -> HkplatesError:
    """Translates the error of a listing for the person who named the bucket."""
    if not isinstance(error, ClientError):
        return _connection_error(error, bucket, endpoint)
    code, status = error_code(error), http_status(error)
    if error.operation_name in CREDENTIAL_OPERATIONS:
        return CredentialsRejected(
            f"No credentials were given: {error.operation_name} was refused ({code}); check the "
            "role or log in again"
        )
    if code in REJECTED_CODES:
        return CredentialsRejected(
            f"{endpoint} does not accept these credentials ({code}); check AWS_ACCESS_KEY_ID, "
            "AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and this machine's clock"
        )
    if code in BUSY_CODES or status >= 500:
        return _busy_error(endpoint, code)
    if status == 404:
        return BucketMissing(
            f"There is no bucket {bucket} at {endpoint}; check its name and AWS_ENDPOINT_URL_S3"
        )
    if status in (401, 403):
        return BucketForbidden(
            f"These credentials may not list the bucket {bucket} at {endpoint}; "
            "they need s3:ListBucket on it and s3:GetObject on its objects"
        )
    return SourceInvalid(
        f"{endpoint} refused to list the bucket {bucket} ({code}); check the bucket's name and "
        "AWS_DEFAULT_REGION"
    )


def image_error(error: Exception, bucket: str, key: str, endpoint: str) -> HkplatesError:
    """Translates the error of a read for a worker: the image is at fault, or it must wait.

    Credentials that are missing or rejected, or a whole bucket that is not there, are a temporary
    fault here: whoever runs the worker corrects them, and no image is at fault.
    """
    if not isinstance(error, ClientError):
        fault = _connection_error(error, bucket, endpoint)
        return StoreUnreachable(str(fault)) if isinstance(fault, SourceError) else fault
    code, status = error_code(error), http_status(error)
    if code in REJECTED_CODES or error.operation_name in CREDENTIAL_OPERATIONS:
        return StoreUnreachable(f"{endpoint} does not accept this worker's credentials ({code})")
    if code in BUSY_CODES or status >= 500:
        return _busy_error(endpoint, code)
    if code == "NoSuchBucket":
        return StoreUnreachable(f"{endpoint} has no bucket {bucket}; check AWS_ENDPOINT_URL_S3")
    where = f"{key} in the bucket {bucket}"
    if code == "InvalidObjectState":
        return ImageArchived(f"{where} lies in an archive tier; restore it and submit it again")
    if status == 412:
        return ImageChanged(f"{where} was replaced after it was listed; submit its prefix again")
    if status == 404:
        return ImageMissing(f"{where} is not there any more")
    return ImageForbidden(f"these credentials may not read {where} ({code}); needs s3:GetObject")


def upload_error(error: Exception, bucket: str, key: str, endpoint: str) -> HkplatesError:
    """Translates the error of a write for the person who named the object."""
    if not isinstance(error, ClientError) or error.operation_name in CREDENTIAL_OPERATIONS:
        return bucket_error(error, bucket, endpoint)
    code = error_code(error)
    if (
        code in REJECTED_CODES
        or code in BUSY_CODES
        or code == "NoSuchBucket"
        or http_status(error) >= 500
    ):
        return bucket_error(error, bucket, endpoint)
    where = f"{key} to the bucket {bucket} at {endpoint}"
    if http_status(error) in (401, 403):
        return BucketForbidden(f"These credentials may not write {where}; they need s3:PutObject")
    return SourceInvalid(
        f"{endpoint} refused to take {key} into the bucket {bucket} ({code}); check their names "
        "and AWS_DEFAULT_REGION"
    )


def is_aws(endpoint: str) -> bool:
    """Returns whether an endpoint is Amazon's own."""
    name = urlsplit(endpoint).hostname or ""
    return name.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))


def host_and_port(endpoint: str) -> str:
    """Returns an endpoint's host and port, without a user or password that it may hold."""
    return urlsplit(endpoint).netloc.rpartition("@")[2]


def _connection_error(error: Exception, bucket: str, endpoint: str) -> HkplatesError:
    if isinstance(error, NoCredentialsError):
        return CredentialsMissing(f"No credentials for {endpoint} were found; {CREDENTIALS_ADVICE}")
    if isinstance(error, CREDENTIAL_ERRORS):
        return CredentialsMissing(
            f"The credentials for {endpoint} cannot be used: {_one_line(error)}; "
            "correct them or log in again"
        )
    if _is_certificate_error(error):
        return SettingInvalid(
            f"The certificate of {endpoint} cannot be checked; AWS_CA_BUNDLE must name a readable "
            "file that holds the certificate of its authority"
        )
    if isinstance(error, ParamValidationError):
        return SourceInvalid(f"{bucket!r} cannot be the name of a bucket; check the source")
    return StoreUnreachable(
        f"{endpoint} does not answer ({type(error).__name__}); check AWS_ENDPOINT_URL_S3 and the "
        "network, then run the same again"
    )


def _is_certificate_error(error: Exception) -> bool:
    """Returns whether this machine's certificates are at fault, and not the network."""
    if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError):
        return True
    signs = ("No such file", "Permission denied", "Is a directory", "X509", "CERTIFICATE_VERIFY")
    return isinstance(error, OSError) and any(sign in str(error) for sign in signs)


def _one_line(error: Exception) -> str:
    """Returns the first 200 characters of boto3's text, on one line."""
    return " ".join(str(error).split())[:200].rstrip(".")


def _busy_error(endpoint: str, code: str) -> StoreUnreachable:
    return StoreUnreachable(f"{endpoint} is busy ({code}); run the same again a little later")


def error_code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def http_status(error: ClientError) -> int:
    """Returns the HTTP status of the response, 0 where it had none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
