"""OpenStack Swift with its s3api filter, all four of its servers in this one process.

Run as `python swift_process.py FOLDER ACCESS SECRET STRANGER_ACCESS STRANGER_SECRET`. It chooses
its ports, writes `ready` with the one of the S3 API into FOLDER, and serves until it is terminated.
One replica on one device: what a test needs, and no more.
"""

import eventlet

eventlet.monkey_patch()

import os  # noqa: E402  (nothing may be imported before the patch)
import signal  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import eventlet.wsgi  # noqa: E402

PIPELINE = "catch_errors gatekeeper listing_formats s3api tempauth bulk copy slo proxy-server"
PROXY = """
[pipeline:main]
pipeline = {pipeline}
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
swift_dir = {folder}
[filter:tempauth]
use = egg:swift#tempauth
{users}
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
{rest}
"""


class Quiet:
    """Where request lines go: a test prints its own findings."""

    def write(self, text: str) -> None:
        pass

    def debug(self, *_: object) -> None:
        pass

    info = debug


def main() -> None:
    os.fsync = os.fdatasync = lambda _: None  # nobody wants a test's objects after a power cut
    folder = Path(sys.argv[1])
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    (folder / "swift.conf").write_text(
        "[swift-hash]\nswift_hash_path_suffix = a\nswift_hash_path_prefix = b\n"
    )
    (folder / "devices" / "d1").mkdir(parents=True)
    point_swift_to(folder)
    ports = {kind: serve_storage(kind, folder) for kind in ("account", "container", "object")}
    for kind, port in ports.items():
        write_ring(folder, kind, port)
    port = serve(proxy(folder, sys.argv[2:]))
    (folder / "ready.new").write_text(str(port))
    (folder / "ready.new").rename(folder / "ready")
    while True:
        eventlet.sleep(3600)


def point_swift_to(folder: Path) -> None:
    """Swift looks for its configuration in /etc/swift, and nowhere else."""
    from swift.common import storage_policy, utils

    utils.SWIFT_CONF_FILE = str(folder / "swift.conf")
    storage_policy.SWIFT_CONF_FILE = utils.SWIFT_CONF_FILE
    storage_policy.reload_storage_policies()
    utils.validate_hash_conf()


def write_ring(folder: Path, kind: str, port: int) -> None:
    """A ring says on which server's device a name lies: here always on the one."""
    from swift.common.ring import RingBuilder

    builder = RingBuilder(part_power=4, replicas=1, min_part_hours=0)
    place = {"region": 1, "zone": 1, "ip": "127.0.0.1", "port": port, "device": "d1", "weight": 1}
    builder.add_dev({**place, "replication_ip": "127.0.0.1", "replication_port": port, "meta": ""})
    builder.rebalance(seed=1)
    builder.get_ring().save(str(folder / f"{kind}.ring.gz"))


def serve_storage(kind: str, folder: Path) -> int:
    from swift.account.server import AccountController
    from swift.container.server import ContainerController
    from swift.obj.server import ObjectController

    kinds = {"account": AccountController, "container": ContainerController}
    settings = {
        "devices": str(folder / "devices"),
        "swift_dir": str(folder),
        "mount_check": "false",
        "fallocate_reserve": "0",
        "disable_fallocate": "true",
    }
    return serve(kinds.get(kind, ObjectController)(settings, logger=None))


def proxy(folder: Path, users: list[str]) -> object:
    """The S3 API: tempauth knows `account:user` as an access key."""
    from swift.common.wsgi import loadapp

    access, secret, stranger, stranger_secret = users
    lines = (
        f"user_{access.replace(':', '_')} = {secret} .admin",
        f"user_{stranger.replace(':', '_')} = {stranger_secret}",
    )
    names = PIPELINE.split()
    rest = "".join(
        f"[filter:{name}]\nuse = egg:swift#{name}\n"
        for name in names[:-1]
        if name not in {"s3api", "tempauth"}
    )
    file = folder / "proxy-server.conf"
    file.write_text(
        PROXY.format(pipeline=PIPELINE, folder=folder, users="\n".join(lines), rest=rest)
    )
    return loadapp(str(file), allow_modify_pipeline=False)


def serve(application: object) -> int:
    """Serve on a free port of the loopback address, and say which."""
    listener = eventlet.listen(("127.0.0.1", 0))
    # Handed on to its connections: small answers would wait 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    eventlet.spawn(eventlet.wsgi.server, listener, application, Quiet(), log_output=False)
    return int(listener.getsockname()[1])


if __name__ == "__main__":
    main()
