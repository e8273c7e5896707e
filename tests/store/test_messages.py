"""Messages: as they were, in order, by mailbox, thread, label, time and word."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailwright.core.model import Direction, Message, MessageStatus
from mailwright.core.ports import MessageFilter, Store, Taken, place
from mailwright.testing.clock import START

from .examples import MESSAGE, OURS, THEIRS, adding, asking, ids, numbered

ALL = MessageFilter()


def messages(count: int) -> list[Message]:
    """Messages that came a second apart."""
    return numbered(MESSAGE, count, created_at=lambda n: START + 1000 * n, rfc_message_id=lambda n: f"<{n}@x>")


async def listed(store: Store, narrow: MessageFilter, before: str | None = None, limit: int = 9) -> list[str]:
    """The ends of the ids of a page."""
    return ids(await asking(store, lambda tx: tx.messages.page(OURS, narrow, before, limit)))


async def test_a_message_comes_back_as_it_was_added(store: Store) -> None:
    await adding(store, "messages", MESSAGE)
    assert MESSAGE == await asking(store, lambda tx: tx.messages.get(OURS, MESSAGE.id))
    assert await asking(store, lambda tx: tx.messages.by_client_id(OURS, "x")) is None
    with pytest.raises(Taken):
        await adding(store, "messages", MESSAGE)


async def test_several_are_found_at_once_and_those_of_others_are_not(store: Store) -> None:
    rows = messages(3)
    for row in (*rows, replace(MESSAGE, id="msg_9", tenant_id=THEIRS)):
        await adding(store, "messages", row)
    found = await asking(store, lambda tx: tx.messages.several(OURS, [rows[0].id, rows[2].id, "msg_9", "msg_none"]))
    assert {rows[0].id: rows[0], rows[2].id: rows[2]} == {row.id: row for row in found}
    assert [] == await asking(store, lambda tx: tx.messages.several(OURS, []))


async def test_a_put_replaces_everything(store: Store) -> None:
    await adding(store, "messages", MESSAGE)
    changed = replace(
        MESSAGE,
        mailbox_id="mbx_2",
        thread_id="thr_2",
        direction=Direction.OUTBOUND,
        status=MessageStatus.DRAFT,
        blob_id="blb_2",
        rfc_message_id="<2@x>",
        subject="Coffee",
        labels=("drafts",),
        created_at=START + 5,
        trust=None,
        authentication=None,
        trace=b"",
        to=(),
    )
    await store.write(lambda tx: tx.messages.put(changed))
    assert changed == await asking(store, lambda tx: tx.messages.get(OURS, MESSAGE.id))
    with pytest.raises(KeyError):
        await store.write(lambda tx: tx.messages.put(replace(MESSAGE, id="msg_2")))


async def test_the_state_alone_changes_for_the_messages_own_tenant(store: Store) -> None:
    await adding(store, "messages", MESSAGE)
    await store.write(lambda tx: tx.messages.show(THEIRS, MESSAGE.id, MessageStatus.BOUNCED))
    await store.write(lambda tx: tx.messages.show(OURS, "msg_9", MessageStatus.BOUNCED))
    assert MESSAGE == await asking(store, lambda tx: tx.messages.get(OURS, MESSAGE.id))
    await store.write(lambda tx: tx.messages.show(OURS, MESSAGE.id, MessageStatus.BOUNCED))
    assert replace(MESSAGE, status=MessageStatus.BOUNCED) == await asking(store, lambda tx: tx.messages.get(OURS, MESSAGE.id))


async def test_pages_go_newest_first_without_gaps_or_repeats_while_mail_comes_in(store: Store) -> None:
    await adding(store, "messages", *messages(5))
    assert ["5", "4"] == await listed(store, ALL, None, 2)
    await adding(store, "messages", replace(MESSAGE, id="msg_6", created_at=START + 6000))
    assert ["3", "2"] == await listed(store, ALL, "msg_4", 2)
    assert ["1"] == await listed(store, ALL, place(START + 2000, "msg_2"), 2)
    assert [] == await listed(store, ALL, "msg_1", 2)


async def test_messages_of_the_same_millisecond_stand_in_the_order_they_came(store: Store) -> None:
    await adding(store, "messages", *numbered(MESSAGE, 4)[::-1])
    assert ["1", "2", "3", "4"] == await listed(store, ALL)
    assert ["3", "4"] == await listed(store, ALL, "msg_2")


async def test_a_page_goes_on_where_its_last_message_was_removed(store: Store) -> None:
    await adding(store, "messages", *messages(4))
    await store.write(lambda tx: tx.messages.remove(OURS, "msg_3"))
    assert ["2", "1"] == await listed(store, ALL, place(START + 3000, "msg_3"))
    assert [] == await listed(store, ALL, "msg_3")
    assert [] == await listed(store, ALL, "nonsense")
    assert [] == await listed(store, ALL, "none.sense")


FILTERS = [
    (MessageFilter(mailbox_id="mbx_1"), ["4", "2", "1"]),
    (MessageFilter(mailbox_id="mbx_9"), []),
    (MessageFilter(thread_id="thr_1"), ["4", "3", "1"]),
    (MessageFilter(thread_id="thr_1", mailbox_id="mbx_1"), ["4", "1"]),
    (MessageFilter(direction="outbound"), ["2"]),
    (MessageFilter(status="flagged"), ["3"]),
    (MessageFilter(status="received", mailbox_id="mbx_1", direction="inbound"), ["4", "1"]),
    (MessageFilter(label="garden party"), ["3", "2", "1"]),
    (MessageFilter(label="garden"), []),
    (MessageFilter(label="inbox", mailbox_id="mbx_1"), ["2", "1"]),
    (MessageFilter(label="inbox", thread_id="thr_1"), ["3", "1"]),
    (MessageFilter(after=START + 2000), ["4", "3"]),
    (MessageFilter(before=START + 2000), ["1"]),
    (MessageFilter(before=START + 4000, after=START + 1000, label="inbox"), ["3", "2"]),
    (MessageFilter(before=START + 4000, after=START + 1000, text="tea"), ["2"]),
    (MessageFilter(text="tea", mailbox_id="mbx_1"), ["4", "2", "1"]),
    (MessageFilter(text="tea", label="inbox"), ["2", "1"]),
    (MessageFilter(text="tea", thread_id="thr_2"), ["2"]),
    (MessageFilter(text="tea", direction="outbound"), ["2"]),
    (MessageFilter(text="coffee"), ["3"]),
    (MessageFilter(text="coffee", mailbox_id="mbx_1"), []),
    (MessageFilter(text="tea", mailbox_id='"] OR'), []),
]


async def test_a_filter_narrows_in_every_combination(store: Store) -> None:
    one, two, three, four = messages(4)
    two = replace(two, thread_id="thr_2", direction=Direction.OUTBOUND)
    three = replace(three, mailbox_id="mbx_2", status=MessageStatus.FLAGGED, subject="Coffee at five")
    four = replace(four, labels=())
    await adding(store, "messages", one, two, three, four)
    for narrow, expected in FILTERS:
        assert (narrow, expected) == (narrow, await listed(store, narrow))
        paged: list[str] = []
        while page := await listed(store, narrow, f"msg_{paged[-1]}" if paged else None, 1):
            paged += page
        assert (narrow, expected) == (narrow, paged)


WORDS = [
    ("tea", True),
    ("TEA", True),
    ("tea four", True),
    ("garden tea", True),
    ("gard", True),  # the beginning of a word
    ("arden", False),  # its middle
    ("fo", False),  # too short to be a beginning
    ("at", True),  # short, but whole
    ("bob@there.example", True),
    ("carol", True),
    ("ada", True),
    ("tea coffee", False),
    ("", True),
    ("?!", True),
    ('"tea" OR coffee*', False),
    ("NEAR(tea", False),
    ("ñandú", True),
    ("ÑANDÚ", True),
    ("nandu\u0301", False),
    ("n\u0303andu\u0301", True),
    ("会議", True),
    ("議", True),
    ("明日", False),
    ("mbx_1", False),
    ("x" * 5000, False),
    ("tea " * 500, True),
]


async def test_words_are_found_in_subject_addresses_and_preview(store: Store) -> None:
    await adding(store, "messages", replace(MESSAGE, subject="Tea at four? Ñandú 東京会議", bcc=("hidden@x.example",)))
    for text, found in WORDS:
        assert (text, ["1"] if found else []) == (text, await listed(store, MessageFilter(text=text)))


async def test_what_is_no_longer_in_a_message_is_no_longer_found(store: Store) -> None:
    await adding(store, "messages", MESSAGE)
    await store.write(lambda tx: tx.messages.put(replace(MESSAGE, subject="Coffee", labels=("inbox", "later"))))
    assert [] == await listed(store, MessageFilter(text="tea"))
    assert ["1"] == await listed(store, MessageFilter(text="coffee"))
    assert [] == await listed(store, MessageFilter(label="garden party"))
    assert ["1"] == await listed(store, MessageFilter(label="later"))
    assert await store.write(lambda tx: tx.messages.remove(OURS, MESSAGE.id))
    assert [] == await listed(store, MessageFilter(text="coffee"))
    assert [] == await listed(store, MessageFilter(label="inbox"))
    assert not await store.write(lambda tx: tx.messages.remove(OURS, MESSAGE.id))


async def test_words_are_found_however_many_messages_came_before_and_after(store: Store) -> None:
    rows = messages(450)
    for start in range(0, 450, 90):
        await adding(
            store,
            "messages",
            *[replace(row, subject=f"number{i}x") for i, row in enumerate(rows[start : start + 90], start + 1)],
        )
    assert ["17"] == await listed(store, MessageFilter(text="number17x"), limit=1)
    assert ["450"] == await listed(store, MessageFilter(text="number450x"))
    await store.write(lambda tx: tx.messages.put(replace(rows[9], subject="moved")))
    await store.write(lambda tx: tx.messages.put(replace(rows[449], subject="moved")))
    await store.write(lambda tx: tx.messages.remove(OURS, "msg_448"))
    assert ["450", "10"] == await listed(store, MessageFilter(text="moved"))
    assert [] == await listed(store, MessageFilter(text="number10x"))
    found = await asking(store, lambda tx: tx.messages.page(OURS, MessageFilter(text="garden"), None, 1000))
    assert [str(n) for n in range(450, 0, -1) if n != 448] == ids(found)


async def test_a_conversation_reads_from_its_beginning(store: Store) -> None:
    rows = messages(4)
    rows[1] = replace(rows[1], thread_id="thr_2")
    rows[3] = replace(rows[3], created_at=rows[2].created_at)
    await adding(store, "messages", *rows)
    assert ["1", "3", "4"] == ids(await asking(store, lambda tx: tx.messages.of_thread(OURS, "thr_1", 9)))
    assert ["1", "3"] == ids(await asking(store, lambda tx: tx.messages.of_thread(OURS, "thr_1", 2)))


async def test_what_a_mailbox_forwarded_lately_is_counted(store: Store) -> None:
    await adding(store, "messages", *messages(4), replace(MESSAGE, id="msg_5", forwarded_by=None))
    await adding(store, "messages", replace(MESSAGE, id="msg_6", mailbox_id="mbx_2"))
    counted = [await asking(store, lambda tx: tx.messages.forwarded_since(OURS, "mbx_1", after)) for after in (0, START + 2000)]  # noqa: B023
    assert [4, 2] == counted


async def test_nothing_of_another_tenant_is_listed_or_searched(store: Store) -> None:
    """S26."""
    theirs = replace(MESSAGE, id="msg_2", tenant_id=THEIRS)
    await adding(store, "messages", MESSAGE, theirs)
    for narrow in (
        ALL,
        MessageFilter(mailbox_id="mbx_1"),
        MessageFilter(thread_id="thr_1"),
        MessageFilter(label="inbox"),
        MessageFilter(text="tea"),
        MessageFilter(text="tea", mailbox_id="mbx_1"),
    ):
        assert ["1"] == await listed(store, narrow)
    assert ["1"] == ids(await asking(store, lambda tx: tx.messages.of_thread(OURS, "thr_1", 9)))
    assert [] == await listed(store, ALL, "msg_2")
    with pytest.raises(KeyError):
        await store.write(lambda tx: tx.messages.put(replace(theirs, tenant_id=OURS)))
