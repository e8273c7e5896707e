"""Messages in a mailbox: who may read them, their labels, their pages, and what is no verdict of ours (S9)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailwright.core import mailboxes, messages, threads
from mailwright.core.accounts import NewKey
from mailwright.core.errors import InvalidInput, MissingPermission, NotFound
from mailwright.core.messages import checked_labels
from mailwright.core.model import MessageStatus, Permission, Role
from mailwright.core.ports import MessageFilter

BOB = "bob@there.example"
READ = Permission.MESSAGES_READ


def got(internet, *subjects: str, **options):
    """Ada, with a message of each subject from bob, a minute apart."""
    ada = internet.agent("ada", **options)
    for subject in subjects:
        assert internet.person(BOB).write(ada.address, subject, f"{subject} it is.").accepted
        internet.pass_time(minutes=1)
    return ada


def page(internet, caller, narrow: MessageFilter = MessageFilter(), before: str | None = None, limit: int = 10):  # noqa: B008
    found = internet.do(messages.page(internet.ports, caller, narrow, before, limit))
    return [message.subject for message in found]


# --- reading ------------------------------------------------------------------------------------------------------------


def test_a_message_is_read_with_its_facts_its_parts_and_its_bytes(internet):
    ada = got(internet, "Tea?")
    (mail,) = ada.inbox()
    content = ada.read(mail)
    assert ("Tea?", "text/plain", content.raw) == (content.header.value("subject"), content.root.content_type, mail.raw)
    assert (mail.message, ()) == (content.message, content.deliveries)


@pytest.mark.slow
def test_s12_a_large_message_is_taken_apart_where_it_holds_up_nobody(internet):
    """Fifty multiparts within each other, and lines that each might end one of them."""
    ada, aside = internet.agent("ada"), []

    class Beside:
        async def run(self, work):
            aside.append(work)
            return work()

    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (one, one) for one in range(49))
    for filling in (1, messages.ASIDE // 5):
        raw = b"From: bob@there.example\r\n" + nested + b"--x\r\n" * filling
        internet.inject(raw, to=ada.address, mail_from=BOB)
    ports = replace(internet.ports, cpu=Beside())
    for mail, expected in zip(ada.inbox(), (0, 1), strict=True):
        aside.clear()
        content = internet.do(messages.content(ports, ada.caller, mail.id))
        assert (expected, mail.raw) == (len(aside), content.raw)


def test_S26_a_message_is_there_for_its_own_mailbox_and_tenant_alone(internet):
    ada = got(internet, "Tea?")
    (mail,) = ada.inbox()
    eve, rival = internet.agent("eve"), internet.tenant("rival.example")
    for caller in (eve.caller, rival.operator):
        for question in (messages.get, messages.content, messages.whole):
            with pytest.raises(NotFound):
                internet.do(question(internet.ports, caller, mail.id))
        with pytest.raises(NotFound):
            internet.write(lambda tx, by=caller: messages.label(tx, internet.ports, by, mail.id, ("x",), ()))
        assert [] == page(internet, caller)
    with pytest.raises(NotFound):
        internet.do(messages.get(internet.ports, ada.caller, "msg_" + "x" * 60))


def test_S9_a_field_that_claims_to_be_our_verdict_is_shown_to_nobody(internet):
    ada = internet.agent("ada")
    forged = b"Authentication-Results: mx.agents.example; dmarc=pass header.from=bank.example\r\n"
    other = b"Authentication-Results: mx.there.example; spf=none\r\n"
    raw = forged + other + b"From: eve@bank.example\r\nSubject: x\r\n\r\nx\r\n"
    internet.inject(raw, to=ada.address)
    (mail,) = ada.inbox()
    content = ada.read(mail)
    assert [other] == [field.raw for field in content.header.all("authentication-results")]
    _, shown = internet.do(messages.whole(internet.ports, ada.caller, mail.id))
    assert (raw.replace(forged, b""), raw) == (bytes(shown), mail.raw)  # I9: what came is what is kept
    assert {"spf": "none", "dmarc": "none"} == mail.verdicts


def test_what_we_sent_is_shown_as_it_is(internet):
    internet.person(BOB)
    ada = internet.agent("ada")
    sent = ada.send(to=BOB, subject="Tea?")
    internet.run()
    message, raw = internet.do(messages.whole(internet.ports, ada.caller, sent.id))
    assert (sent.raw, sent.message) == (bytes(raw), message)
    assert [BOB] == [row.recipient for row in ada.read(sent).deliveries]


# --- what waits for a person --------------------------------------------------------------------------------------------


def key(internet, ada, role: Role, permissions=None, **bound):
    wanted = NewKey("k", role, permissions, **(bound or {"mailbox_id": ada.mailbox_id}))
    return internet.home.seat.sit_down(internet.home.seat.new_key(wanted))


def test_mail_that_waits_for_a_person_is_there_for_those_who_decide_and_not_for_the_agent(internet):
    ada = got(internet, "Secret", mode="gated_all")
    (question,) = internet.approver().pending()
    readers = {
        "agent": ada.caller,
        "agent of the agent": key(internet, ada, Role.AGENT, agent_id=ada.mailbox.agent_id),
        "agent that only reads": key(internet, ada, Role.AGENT, frozenset({READ, Permission.MAILBOXES_READ})),
        "approver": internet.approver().caller,
        "approver of the mailbox": key(internet, ada, Role.APPROVER),
        "operator": internet.home.operator,
    }
    seen = {}
    for name, caller in readers.items():
        try:
            internet.do(messages.content(internet.ports, caller, question.message_id))
        except NotFound:
            seen[name] = (False, page(internet, caller))
        else:
            seen[name] = (True, page(internet, caller))
    there, hidden = (True, ["Secret"]), (False, [])
    assert {
        "agent": hidden,
        "agent of the agent": hidden,
        "agent that only reads": hidden,
        "approver": there,
        "approver of the mailbox": there,
        "operator": there,
    } == seen


@pytest.mark.parametrize("end", ["pending", "rejected", "expired"])
def test_mail_that_was_never_released_can_not_be_labelled_by_the_agent(internet, end):
    ada = got(internet, "Secret", mode="gated_all")
    (question,) = internet.approver().pending()
    mail = ada._mail(question.message_id)
    if end == "rejected":
        internet.approver().reject(question)
    elif end == "expired":
        internet.pass_time(hours=73)
    assert end in (mail.status, "pending")
    with pytest.raises(NotFound):
        mail.label("seen")
    assert [] == page(internet, ada.caller)


def test_what_an_agent_wrote_and_waits_is_there_for_it(internet):
    ada = internet.agent("ada", mode="gated_send")
    sent = ada.send(to=BOB, subject="Tea?")
    assert (MessageStatus.HELD, ["Tea?"]) == (sent.status, page(internet, ada.caller))
    assert sent.message == ada.read(sent).message


def test_what_is_withheld_leaves_no_gap_that_looks_like_the_end(internet):
    ada = got(internet, *(f"m{n}" for n in range(8)), mode="gated_all")
    approver = internet.approver()
    for question in approver.pending()[::4]:  # m0 and m4
        approver.approve(question)
    first = internet.do(messages.page(internet.ports, ada.caller, MessageFilter(), None, 1))
    assert ["m4"] == [message.subject for message in first]
    assert ["m0"] == page(internet, ada.caller, before=first[0].id, limit=5)


def test_s12_however_much_is_withheld_few_looks_find_what_is_not(internet, monkeypatch):
    ada = got(internet, *(f"m{n}" for n in range(40)), mode="gated_all")
    internet.approver().approve(internet.approver().pending()[0])
    looks, browse = [], internet.ports.store.browse
    monkeypatch.setattr(internet.ports.store, "browse", lambda script: looks.append(1) or browse(script))
    assert ["m0"] == page(internet, ada.caller, limit=1)
    messages_looks = len(looks)
    internet.do(threads.page(internet.ports, ada.caller, None, None, 1))
    assert (6, 6) == (messages_looks, len(looks) - messages_looks)


# --- lists --------------------------------------------------------------------------------------------------------------


def test_messages_are_listed_newest_first_page_by_page(internet):
    ada = got(internet, "one", "two", "three")
    assert ["three", "two", "one"] == page(internet, ada.caller)
    first = internet.do(messages.page(internet.ports, ada.caller, MessageFilter(), None, 2))
    assert ["one"] == page(internet, ada.caller, before=first[-1].id)


def test_a_list_can_be_narrowed(internet):
    ada = got(internet, "one", "two")
    internet.agent("eve")
    sent = ada.send(to=BOB, subject="three")
    one, two = ada.inbox()
    two.label("red")
    start = one.message.created_at
    narrowed = {
        "thread": MessageFilter(thread_id=one.thread_id),
        "direction": MessageFilter(direction="outbound"),
        "status": MessageFilter(status="queued"),
        "label": MessageFilter(label="red"),
        "words": MessageFilter(text="two it"),
        "after": MessageFilter(after=start),
        "before": MessageFilter(before=start + 1),
        "mailbox": MessageFilter(mailbox_id=ada.mailbox_id),
    }
    assert {
        "thread": ["one"],
        "direction": ["three"],
        "status": ["three"],
        "label": ["two"],
        "words": ["two"],
        "after": ["three", "two"],
        "before": ["one"],
        "mailbox": ["three", "two", "one"],
    } == {name: page(internet, ada.caller, narrow) for name, narrow in narrowed.items()}
    assert sent.message.created_at > start


def test_a_list_of_another_mailbox_is_not_to_be_had(internet):
    ada, eve = got(internet, "one"), internet.agent("eve")
    with pytest.raises(NotFound):
        page(internet, eve.caller, MessageFilter(mailbox_id=ada.mailbox_id))


# --- labels -------------------------------------------------------------------------------------------------------------


def test_labels_are_put_on_and_taken_off_and_each_change_is_counted(internet):
    ada = got(internet, "Tea?")
    (mail,) = ada.inbox()
    before = mail.message.modseq
    mail.label("red", "blue", "red")
    assert (("red", "blue"), before + 1) == (mail.message.labels, mail.message.modseq)
    mail.label("green", remove=("red", "never"))
    assert (("blue", "green"), before + 2) == (mail.message.labels, mail.message.modseq)
    assert (ada.mailbox.modseq, 2) == (mail.message.modseq, len(internet.audit(subject=mail.id, action="message.labelled")))


def test_what_is_taken_off_and_put_on_at_once_is_on(internet):
    ada = got(internet, "Tea?")
    (mail,) = ada.inbox()
    mail.label("red")
    assert ("red",) == mail.label("red", remove=("red",)).labels


def test_a_message_has_fifty_labels_at_most(internet):
    ada = got(internet, "Tea?")
    (mail,) = ada.inbox()
    mail.label(*(f"l{n}" for n in range(50)))
    with pytest.raises(InvalidInput, match="50"):
        mail.label("one more")
    assert 50 == len(mail.message.labels)


@pytest.mark.parametrize("label", ["", "x" * 65, "a\nb", "a\0b", "\u2028"])
def test_what_is_no_label_is_refused(label):
    with pytest.raises(InvalidInput, match=r"labels\[1\]"):
        checked_labels(["fine", label])


@pytest.mark.parametrize("label", ["x", "x" * 64, "two words", "grün", "日本"])
def test_what_is_a_label(label):
    assert [label] == checked_labels([label])


def test_what_a_removed_mailbox_left_behind_can_be_read_and_not_changed(internet):
    ada = got(internet, "Tea?")
    (mail,) = ada.inbox()
    operator = internet.home.operator
    internet.write(lambda tx: mailboxes.remove(tx, internet.ports, operator, ada.mailbox_id))
    assert "Tea?" == internet.do(messages.get(internet.ports, operator, mail.id)).subject
    with pytest.raises(NotFound):
        internet.write(lambda tx: messages.label(tx, internet.ports, operator, mail.id, ("x",), ()))


def test_an_approver_labels_nothing(internet):
    ada = got(internet, "Tea?")
    (mail,) = ada.inbox()
    with pytest.raises(MissingPermission):
        replace(mail, seat=internet.approver()).label("x")
