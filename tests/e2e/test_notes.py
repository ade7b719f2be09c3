"""Notes across kills of the process that sends them: once, or twice as the same note."""

from __future__ import annotations

import signal

import pytest

from tests.api.notify.notes import Hooks, Mailbox, hook_server, mail_server
from tests.e2e.notifying import Round, live

pytestmark = [
    pytest.mark.engine,
    pytest.mark.network,
    pytest.mark.slow,
    pytest.mark.timeout(240),
]
REPEATED = "You may have this already"


@pytest.mark.parametrize(
    ("death", "says_repeated"),
    [
        ("before the claim", [False]),
        ("between claim and send", [True]),  # it did not arrive, which nobody can know
        ("between send and mark", [False, True]),  # it did, which nobody can know either
    ],
)
def test_a_kill_at_any_step(tmp_path, death, says_repeated):
    """It dies at the mail, which comes first; the post after it is then made once."""
    box, hooks = Mailbox(), Hooks()
    with mail_server(box) as server, hook_server(hooks) as url:
        assert live(Round(tmp_path, server, url, death)) == -signal.SIGKILL
        for _ in range(2):  # one that lives, and one that finds nothing left to do
            assert live(Round(tmp_path, server, url)) == 0
    assert [REPEATED in text(mail) for mail in box.mails] == says_repeated
    assert len(set(box.ids())) == 1  # whoever looks at the id sees one mail
    assert len(hooks.requests) == 1


def text(mail) -> str:
    return str(mail.get_body(("plain",)).get_content())
