"""What says where processes listen sees it."""

import os
import socket

from tests import listening


def test_what_this_process_listens_on_is_seen_and_judged():
    with socket.create_server(("127.0.0.1", 0)) as here, socket.create_server(("0.0.0.0", 0)) as everywhere:
        ports = {one.getsockname()[1] for one in (here, everywhere)}
        found = {one for one in listening.addresses({os.getpid()}) if one[1] in ports}

        assert found == {("127.0.0.1", here.getsockname()[1]), ("0.0.0.0", everywhere.getsockname()[1])}
        assert listening.beyond_loopback(found) == {("0.0.0.0", everywhere.getsockname()[1])}


def test_addresses_of_both_kinds_are_told_apart():
    found = {("::1", 1), ("::ffff:127.0.0.1", 2), ("127.0.0.2", 3), ("::", 4), ("::ffff:10.0.0.1", 5), ("10.0.0.1", 6)}

    assert {port for _, port in listening.beyond_loopback(found)} == {4, 5, 6}
