"""Opens all stores, by the name that images carry."""

from collections.abc import Mapping

from hkplates.jobs import StoreKind
from hkplates.storage.base import Store
from hkplates.storage.folder import FolderStore
from hkplates.storage.s3 import S3Store


def open_stores() -> Mapping[StoreKind, Store]:
    """Returns every store; each connects when it is first used."""
    return {"s3": S3Store(), "folder": FolderStore()}
