"""Who asks, and what they may do: keys that never get stronger, never send and approve, see nothing of others (S25, S26)."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from mailwright.core import accounts, mailboxes
from mailwright.core.accounts import ALL, BEYOND_A_MAILBOX, ROLES, NewKey
from mailwright.core.errors import (
    InvalidInput,
    MissingPermission,
    NotFound,
    PermissionEscalation,
    StorageBusy,
    Unauthenticated,
)
from mailwright.core.model import Caller, Permission, Role

HOUR = 3_600_000
SEND, DECIDE, KEYS = Permission.MESSAGES_SEND, Permission.APPROVALS_DECIDE, Permission.KEYS_MANAGE
READ, WEBHOOKS = Permission.MESSAGES_READ, Permission.WEBHOOKS_MANAGE


def make(internet, caller: Caller, wanted: NewKey):
    return internet.write(lambda tx: accounts.create_key(tx, internet.ports, caller, wanted))


def enter(internet, secret: str) -> Caller:
    return internet.do(accounts.authenticate(internet.ports, secret))


def test_a_key_stands_for_its_role_and_permissions(internet):
    ada = internet.agent("ada")
    key, secret = make(internet, internet.home.operator, NewKey("worker", Role.AGENT, mailbox_id=ada.mailbox_id))
    assert Caller(internet.home.id, key.id, Role.AGENT, ROLES[Role.AGENT], ada.mailbox_id) == enter(internet, secret)


@pytest.mark.parametrize(("test", "kind"), [(False, "live"), (True, "test")])
def test_s28_a_secret_has_256_random_bits_and_only_its_hash_is_kept(internet, test, kind):
    key, secret = make(internet, internet.home.operator, NewKey("k", Role.AUDITOR, test=test))
    assert re.fullmatch(rf"mw_{kind}_[a-z2-7]{{52}}", secret)
    assert (accounts.hash_key(secret), secret[-4:]) == (key.secret_hash, key.hint)
    assert secret not in repr(key)


@pytest.mark.parametrize("secret", ["", "mw_live_x", "mw_live_" + "a" * 52, "\ud800", "\0"])
def test_a_secret_that_was_never_made_stands_for_nobody(internet, secret):
    with pytest.raises(Unauthenticated):
        enter(internet, secret)


def test_a_key_ends_when_its_time_is_over(internet):
    end = internet.clock.now() + HOUR
    _, secret = make(internet, internet.home.operator, NewKey("k", Role.AUDITOR, expires_at=end))
    internet.clock.at = end - 1
    assert end == enter(internet, secret).expires_at
    internet.clock.at = end
    with pytest.raises(Unauthenticated):
        enter(internet, secret)


def test_a_key_that_was_revoked_is_refused(internet):
    key, secret = make(internet, internet.home.operator, NewKey("k", Role.AUDITOR))
    internet.write(lambda tx: tx.keys.put(replace(key, revoked_at=internet.clock.now())))
    with pytest.raises(Unauthenticated):
        enter(internet, secret)


def test_a_revoked_key_is_gone_and_what_it_did_stays_in_the_log(internet):
    operator = internet.home.operator
    key, secret = make(internet, operator, NewKey("k", Role.AUDITOR))
    internet.write(lambda tx: accounts.revoke_key(tx, internet.ports, operator, key.id))
    with pytest.raises(Unauthenticated):
        enter(internet, secret)
    assert ["key.created", "key.revoked"] == [entry.action for entry in internet.audit(subject=key.id)]


def test_S26_a_key_of_another_tenant_can_not_be_revoked(internet):
    rival = internet.tenant("rival.example")
    key, secret = make(internet, internet.home.operator, NewKey("k", Role.AUDITOR))
    with pytest.raises(NotFound):
        internet.write(lambda tx: accounts.revoke_key(tx, internet.ports, rival.operator, key.id))
    assert key.id == enter(internet, secret).actor


def test_the_last_use_of_a_key_is_noted_once_a_minute(internet):
    key, secret = make(internet, internet.home.operator, NewKey("k", Role.AUDITOR))

    def last_used():
        return internet.read(lambda tx: tx.keys.get(key.tenant_id, key.id)).last_used_at

    start = internet.clock.now()
    enter(internet, secret)
    internet.clock.advance(seconds=60)
    enter(internet, secret)
    assert start == last_used()
    internet.clock.advance(seconds=1)
    enter(internet, secret)
    assert start + 61_000 == last_used()


def test_a_full_disk_keeps_nobody_out(internet):
    _, secret = make(internet, internet.home.operator, NewKey("k", Role.AUDITOR))
    internet.ports.store.refusing = True
    assert Role.AUDITOR is enter(internet, secret).role
    with pytest.raises(StorageBusy):
        make(internet, internet.home.operator, NewKey("k", Role.AUDITOR))


def test_keys_are_listed_by_tenant_page_by_page(internet):
    internet.tenant("rival.example")
    internet.agent("ada")
    first = internet.do(accounts.page_keys(internet.ports, internet.home.operator, None, 1))
    rest = internet.do(accounts.page_keys(internet.ports, internet.home.operator, first[-1].id, 10))
    assert ["operator", "agent"] == [key.name for key in first + rest]


# --- S25: what a key may make -------------------------------------------------------------------------------------------

OPERATOR, TENANTS = ROLES[Role.OPERATOR], Permission.TENANTS_MANAGE


def caller(internet, role: Role, *permissions: Permission, **bound) -> Caller:
    return Caller(internet.home.id, "key_1", role, frozenset(permissions) or ROLES[role], **bound)


@pytest.mark.parametrize(
    ("circumstance", "role", "held", "wanted", "allowed"),
    [
        ("an operator makes an operator", Role.OPERATOR, OPERATOR, NewKey("k", Role.OPERATOR), True),
        ("an operator makes an approver", Role.OPERATOR, OPERATOR, NewKey("k", Role.APPROVER), True),
        ("an operator makes an auditor", Role.OPERATOR, OPERATOR, NewKey("k", Role.AUDITOR), True),
        ("fewer permissions than the role's", Role.OPERATOR, OPERATOR, NewKey("k", Role.OPERATOR, frozenset({READ})), True),
        ("what it does not hold", Role.OPERATOR, OPERATOR, NewKey("k", Role.OPERATOR, OPERATOR | {TENANTS}), False),
        ("a weak operator, a strong one", Role.OPERATOR, {KEYS, READ}, NewKey("k", Role.OPERATOR), False),
        ("a weak operator, an approver who reads", Role.OPERATOR, {KEYS}, NewKey("k", Role.APPROVER), False),
        ("a weak operator, one who only decides", Role.OPERATOR, {KEYS}, NewKey("k", Role.APPROVER, frozenset({DECIDE})), True),
        ("send and approve", Role.OPERATOR, OPERATOR, NewKey("k", Role.APPROVER, frozenset({SEND, DECIDE})), False),
        ("make keys and approve", Role.OPERATOR, OPERATOR, NewKey("k", Role.APPROVER, frozenset({KEYS, DECIDE})), False),
        ("send and approve, from everything", Role.OPERATOR, ALL, NewKey("k", Role.OPERATOR, ALL), False),
        ("an approver makes an approver", Role.APPROVER, {KEYS, READ}, NewKey("k", Role.APPROVER), False),
        ("an auditor makes an operator", Role.AUDITOR, {KEYS, READ}, NewKey("k", Role.OPERATOR, frozenset({READ})), False),
        ("an auditor makes an approver", Role.AUDITOR, {KEYS}, NewKey("k", Role.APPROVER, frozenset({DECIDE})), False),
        ("an auditor makes a weaker one", Role.AUDITOR, {KEYS, READ}, NewKey("k", Role.AUDITOR, frozenset({READ})), True),
        ("no permissions at all", Role.AUDITOR, {KEYS}, NewKey("k", Role.AUDITOR, frozenset()), True),
    ],
)
def test_S25_a_key_makes_no_stronger_key_and_none_that_sends_and_approves(internet, circumstance, role, held, wanted, allowed):
    by = caller(internet, role, *held)
    try:
        key, _ = make(internet, by, wanted)
    except PermissionEscalation:
        assert not allowed, circumstance
    else:
        assert allowed, circumstance
        assert key.permissions == (ROLES[wanted.role] if wanted.permissions is None else wanted.permissions)


def test_S25_no_chain_of_keys_lets_one_that_sends_get_at_one_that_approves(internet):
    """Every key that a sending key can lead to, made one from the other, never decides."""
    held = {SEND, KEYS, READ}
    for role in (Role.AUDITOR, Role.APPROVER):
        known = {(role, frozenset(held))}
        for _ in range(3):
            for made_by in list(known):
                for next_role in Role:
                    for permissions in (ROLES[next_role], frozenset({DECIDE}), frozenset({KEYS}), frozenset(held)):
                        wanted = NewKey("k", next_role, permissions)
                        try:
                            make(internet, caller(internet, made_by[0], *made_by[1]), wanted)
                        except (PermissionEscalation, InvalidInput):
                            continue
                        known.add((next_role, permissions))
        assert not any(DECIDE in permissions for _, permissions in known)


@pytest.mark.parametrize(
    ("own", "wanted", "allowed"),
    [
        (None, None, True),
        (None, HOUR, True),
        (HOUR, HOUR, True),
        (HOUR, HOUR - 1, True),
        (HOUR, HOUR + 1, False),
        (HOUR, None, False),
    ],
)
def test_S25_a_key_makes_no_key_that_outlives_it(internet, own, wanted, allowed):
    by = replace(internet.home.operator, expires_at=own)
    if allowed:
        assert wanted == make(internet, by, NewKey("k", Role.AUDITOR, expires_at=wanted))[0].expires_at
        return
    with pytest.raises(PermissionEscalation) as refused:
        make(internet, by, NewKey("k", Role.AUDITOR, expires_at=wanted))
    assert {"expires_at": own} == refused.value.details


def test_S26_a_bound_key_holds_nothing_that_reaches_beyond_its_mailbox(internet):
    ada = internet.agent("ada")
    for permission in Permission:
        role = Role.APPROVER if permission is Permission.APPROVALS_DECIDE else Role.AGENT
        wanted = NewKey("k", role, frozenset({permission}), mailbox_id=ada.mailbox_id)
        if permission in BEYOND_A_MAILBOX:
            with pytest.raises(PermissionEscalation):
                make(internet, replace(internet.home.operator, permissions=ALL), wanted)
        else:
            make(internet, replace(internet.home.operator, permissions=ALL), wanted)


def test_S25_an_agents_key_never_decides_not_even_beside_another_that_sends(internet):
    ada = internet.agent("ada")
    for wanted in (
        NewKey("k", Role.AGENT, frozenset({READ, Permission.APPROVALS_DECIDE}), mailbox_id=ada.mailbox_id),
        NewKey("k", Role.AGENT, frozenset({Permission.APPROVALS_DECIDE}), agent_id=ada.mailbox.agent_id),
    ):
        with pytest.raises(PermissionEscalation, match="role approver"):
            make(internet, internet.home.operator, wanted)


def test_S26_a_bound_key_makes_keys_of_the_same_bounds_only(internet):
    ada, eve = internet.agent("ada"), internet.agent("eve")
    by = caller(internet, Role.AGENT, KEYS, READ, mailbox_id=ada.mailbox_id)
    for other in (
        NewKey("k", Role.AGENT, frozenset({READ}), mailbox_id=eve.mailbox_id),
        NewKey("k", Role.AUDITOR, frozenset({READ})),
    ):
        with pytest.raises(PermissionEscalation):
            make(internet, by, other)
    key, _ = make(internet, by, NewKey("k", Role.AGENT, frozenset({READ}), mailbox_id=ada.mailbox_id))
    assert ada.mailbox_id == key.mailbox_id


def test_an_agents_key_is_bound_to_a_mailbox_or_an_agent_that_exists(internet):
    operator, ada = internet.home.operator, internet.agent("ada")
    rival = internet.tenant("rival.example").agent("rex")
    with pytest.raises(InvalidInput, match="mailbox_id"):
        make(internet, operator, NewKey("k", Role.AGENT))
    for bound in ({"mailbox_id": "mbx_x"}, {"agent_id": "agt_x"}):
        with pytest.raises(NotFound):
            make(internet, operator, NewKey("k", Role.AGENT, **bound))
    for bound in ({"mailbox_id": rival.mailbox_id}, {"agent_id": rival.mailbox.agent_id}):
        with pytest.raises(NotFound):
            make(internet, operator, NewKey("k", Role.AGENT, **bound))
    key, _ = make(internet, operator, NewKey("k", Role.AGENT, agent_id=ada.mailbox.agent_id))
    assert (ada.mailbox.agent_id, None) == (key.agent_id, key.mailbox_id)


# --- what a caller sees -------------------------------------------------------------------------------------------------


def test_a_permission_that_is_missing_is_named(internet):
    with pytest.raises(MissingPermission) as refused:
        accounts.require(caller(internet, Role.AUDITOR), SEND)
    assert {"permission": "messages:send"} == refused.value.details
    accounts.require(caller(internet, Role.AGENT), SEND)


def test_S26_a_caller_owns_the_mailboxes_of_its_tenant_that_its_bounds_leave(internet):
    ada, eve = internet.agent("ada").mailbox, internet.agent("eve").mailbox
    rex = internet.tenant("rival.example").agent("rex").mailbox
    everything = caller(internet, Role.OPERATOR)
    one = caller(internet, Role.AGENT, mailbox_id=ada.id)
    agents = caller(internet, Role.AGENT, agent_id=ada.agent_id)
    none = caller(internet, Role.AGENT, mailbox_id=ada.id, agent_id=eve.agent_id)
    seen = {
        name: [accounts.owns(by, box) for box in (ada, eve, rex)]
        for name, by in {"all": everything, "one": one, "agents": agents, "none": none}.items()
    }
    assert {
        "all": [True, True, False],
        "one": [True, False, False],
        "agents": [True, False, False],
        "none": [False, False, False],
    } == seen


def narrowed(internet, by: Caller, asked: str | None) -> str | None:
    return internet.do(accounts.scope(internet.ports, by, asked))


def test_a_list_is_narrowed_to_what_the_caller_may_see(internet):
    ada, eve = internet.agent("ada").mailbox, internet.agent("eve").mailbox
    everything = caller(internet, Role.OPERATOR)
    assert (None, ada.id) == (narrowed(internet, everything, None), narrowed(internet, everything, ada.id))
    for by in (caller(internet, Role.AGENT, mailbox_id=ada.id), caller(internet, Role.AGENT, agent_id=ada.agent_id)):
        assert (ada.id, ada.id) == (narrowed(internet, by, None), narrowed(internet, by, ada.id))
        with pytest.raises(NotFound):
            narrowed(internet, by, eve.id)


def test_s26_where_no_mailbox_is_left_nothing_is_listed(internet):
    ada, eve = internet.agent("ada").mailbox, internet.agent("eve").mailbox
    internet.write(lambda tx: mailboxes.remove(tx, internet.ports, internet.home.operator, ada.id))
    for bound in ({"mailbox_id": ada.id}, {"agent_id": ada.agent_id}, {"mailbox_id": eve.id, "agent_id": ada.agent_id}):
        for asked in (None, ada.id, eve.id):
            with pytest.raises(NotFound):
                narrowed(internet, caller(internet, Role.AGENT, **bound), asked)


def test_an_agent_with_several_mailboxes_names_one(internet):
    ada = internet.agent("ada").mailbox
    wanted = mailboxes.NewMailbox("ada2@agents.example", agent_id=ada.agent_id)
    second = internet.write(lambda tx: mailboxes.create(tx, internet.ports, internet.home.operator, wanted))
    by = caller(internet, Role.AGENT, agent_id=ada.agent_id)
    with pytest.raises(InvalidInput, match="several mailboxes"):
        narrowed(internet, by, None)
    assert second.id == narrowed(internet, by, second.id)


# --- tenants ------------------------------------------------------------------------------------------------------------


def test_a_tenant_comes_with_an_operator_who_may_not_manage_tenants(internet):
    tenant, _, secret = internet.write(lambda tx: accounts.create_tenant(tx, internet.ports, internet.home.operator, "second"))
    operator = enter(internet, secret)
    assert (tenant.id, ROLES[Role.OPERATOR]) == (operator.tenant_id, operator.permissions)
    assert Permission.TENANTS_MANAGE not in operator.permissions
    listed = internet.do(accounts.page_tenants(internet.ports, internet.home.operator, None, 10))
    assert ["agents.example", "second"] == [one.name for one in listed]


def test_whoever_starts_a_server_may_manage_tenants_and_still_not_approve(internet):
    permissions = internet.home.operator.permissions
    assert (True, False) == (Permission.TENANTS_MANAGE in permissions, DECIDE in permissions)


def test_the_server_itself_may_do_everything_for_a_tenant():
    assert Caller("ten_1", "system", Role.OPERATOR, ALL) == accounts.system("ten_1")
