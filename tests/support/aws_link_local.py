"""Plays IMDS and ECS at the addresses that they really have, in a network of its own.

usage: unshare -rn python aws_link_local.py HOME, with AWS_KEYS in the environment
Exit codes: 0 both providers gave keys, else a failed assertion.
"""

import fcntl
import pathlib
import socket
import struct
import sys

from aws import Imds, Secrets, Server, Speaker

SIOCSIFADDR, SIOCSIFFLAGS, IFF_UP = 0x8916, 0x8914, 1
ECS, INSTANCE = "169.254.170.2", "169.254.169.254"


def add_address(name, address):
    """netdevice(7): an address for the loopback device, which is then up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        place = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))
        fcntl.ioctl(control, SIOCSIFADDR, struct.pack("16s16s8x", name, place))
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH22x", name, IFF_UP))


def main():
    home, secrets = pathlib.Path(sys.argv[1]), Secrets()
    add_address(b"lo", "127.0.0.1")
    add_address(b"lo:1", ECS)
    add_address(b"lo:2", INSTANCE)
    task, instance = secrets.keys("task"), secrets.keys("instance")
    container = Server(lambda request: (200, task.json()), (ECS, 80))
    imds = Server(Imds(instance), (INSTANCE, 80))
    # a proxy has nothing to do with either
    proxies = {"http_proxy": "http://127.0.0.1:1", "AWS_EC2_METADATA_DISABLED": None}
    for environment, keys in [
        (proxies | {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/1-2"}, task),
        (proxies, instance),
    ]:
        speaker = Speaker(home, environment)
        got = speaker.get()
        code, text = speaker.end()
        assert got["digest"] == keys.digest, text
        assert code == 0 and not secrets.found_in(text), text
    assert [request.path for request in container.requests] == ["/v2/credentials/1-2"]
    assert len(imds.requests) == 3
    speaker = Speaker(home, proxies | {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"})
    speaker.get()
    assert "http://[fd00:ec2::254]" in speaker.ask("report")["instance"]
    assert speaker.end()[0] == 0


main()
