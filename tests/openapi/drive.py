"""Drives a consultation from its start to the customer's confirmation with the generated client.

Reads CAREFLOW_URL and the tokens CUSTOMER, AGENT and AUDITOR from the environment; ends with an
error where an answer is not what the document promises. The server's clock stands at a Wednesday,
2026-03-11 10:00 in Shanghai.
"""

import datetime
import importlib
import os
import pkgutil

import careflow_client
from careflow_client import AuthenticatedClient, models
from careflow_client.api.changes import list_changes
from careflow_client.api.events import send_event, start_consultation
from careflow_client.api.instances import get_instance, list_history, list_instances
from careflow_client.types import UNSET

NOW = datetime.datetime(2026, 3, 11, 2, 0, tzinfo=datetime.timezone.utc)
EFFECTS = (
    models.ArmEffect,
    models.CancelEffect,
    models.CountEffect,
    models.DropPendingEffect,
    models.NotifyEffect,
    models.ParkEffect,
    models.SendEffect,
    models.SpawnEffect,
    models.TaskEffect,
)
PATCHES = (models.AddPatch, models.RemovePatch, models.ReplacePatch)


def caller(token):
    """Somebody who calls with `token`; an answer that the document does not have is an error."""
    return AuthenticatedClient(
        base_url=os.environ["CAREFLOW_URL"], token=token, raise_on_unexpected_status=True
    )


def read(answer, status, model):
    """What an answer holds, which must be of this status and type."""
    assert answer.status_code == status, (answer.status_code, answer.content)
    assert type(answer.parsed) is model, answer.parsed
    return answer.parsed


def equal(found, wanted):
    assert found == wanted, f"{found!r} is not {wanted!r}"


def import_every_module():
    for module in pkgutil.walk_packages(careflow_client.__path__, "careflow_client."):
        importlib.import_module(module.name)


def start(customer):
    """A customer asks, twice with one key: one case."""
    question = models.ConsultationStart(
        payload=models.ConsultationSubmitPayload(
            customer_id="customer-17",
            channel="email",
            subject="发票抬头怎么改?",
            body_ref="mail/4711",
            category="pre_sale",
            problem_type="invoice",
        )
    )
    answers = [
        start_consultation.sync_detailed(client=customer, body=question, idempotency_key="tour-1")
        for _ in range(2)
    ]
    first, again = (read(answer, 201, models.Receipt) for answer in answers)
    equal(first.event, "submit")
    equal(first.to, "open.intake.received")
    equal(first.recorded_at, NOW)
    assert first.from_ is UNSET and first.preview is UNSET, first
    equal(again.instance, first.instance)
    equal(again.position, first.position)
    equal(answers[1].headers["idempotent-replayed"], "true")
    return first.instance


def look(agent, case):
    """The case as it is, with its timers and the events it accepts."""
    answer = get_instance.sync_detailed(case, client=agent)
    view = read(answer, 200, models.InstanceView)
    equal(answer.headers["etag"], f'"{view.seq}"')
    return view


def send(who, case, event, **options):
    return send_event.sync_detailed(case, client=who, body=event, **options)


def accept(agent, case):
    before = look(agent, case)
    equal(before.state, "open.intake.received")
    equal(before.created, NOW)
    equal(type(before.state_title), models.TitleView)
    offered = {offer.event: offer for offer in before.accepted_events}
    assert "agent" in offered["accept"].roles, offered["accept"]

    accepted = send(agent, case, models.AcceptEvent(event="accept"), if_match=f'"{before.seq}"')
    receipt = read(accepted, 200, models.Receipt)
    equal((receipt.from_, receipt.to), ("open.intake.received", "open.intake.accepted"))
    equal(receipt.seq, before.seq + 1)
    return before.seq


def answer(agent, case, stale):
    """First without effect, then on an old sequence, then in earnest."""
    event = models.AnswerEvent(
        event="answer",
        payload=models.ConsultationAnswerPayload(
            message_ref="mail/4712",
            solution_ref="kb/12",
            steps=["Open the order", "Choose Edit invoice"],
            attachments=[],
            confirmed_in_contact=False,
        ),
    )
    before = look(agent, case)
    trial = read(send(agent, case, event, dry_run=True), 200, models.Receipt)
    equal(trial.to, "open.answered")
    equal(trial.preview.after.state, "open.answered")
    equal([entry.event for entry in trial.preview.entries], ["answer"])
    equal(look(agent, case).seq, before.seq)

    late = read(send(agent, case, event, if_match=f'"{stale}"'), 412, models.Problem)
    equal(late.code, "stale")
    equal([record.entry.event for record in late.entries_since], ["accept"])

    receipt = read(send(agent, case, event), 200, models.Receipt)
    equal((receipt.to, receipt.seq, receipt.moved), (trial.to, trial.seq, True))
    armed = {effect.timer: effect.due for effect in receipt.effects if type(effect) is models.ArmEffect}
    assert armed and min(armed.values()) > NOW, receipt.effects
    equal({timer.timer: timer.due for timer in look(agent, case).timers}, armed)


def confirm(customer, case):
    def event(score):
        payload = models.ConfirmPayload(satisfied=True, score=score)
        return models.ConfirmEvent(event="confirm", payload=payload)

    wrong = read(send(customer, case, event(9)), 422, models.Problem)
    equal(wrong.code, "invalid_payload")
    assert wrong.faults and type(wrong.faults[0]) is models.FaultView, wrong

    receipt = read(send(customer, case, event(5)), 200, models.Receipt)
    equal(receipt.to, "settled.confirmed")


def be_refused(agent, case):
    problem = read(send(agent, case, models.AcceptEvent(event="accept")), 409, models.Problem)
    equal(problem.status, 409)
    equal(problem.code, "event_not_accepted")
    equal(problem.type_, "urn:careflow:problem:refused_by_state")
    equal(problem.state, "settled.confirmed")
    assert "reopen" in problem.accepted_events, problem
    assert problem.detail and problem.request_id, problem

    stranger = caller("cft_unknown")
    problem = read(get_instance.sync_detailed(case, client=stranger), 401, models.Problem)
    equal(problem.code, "wrong_token")


def check_entry(record):
    assert type(record) is models.EntryRecord, record
    for effect in record.entry.effects or []:
        assert type(effect) in EFFECTS, effect
    for change in record.entry.patch or []:
        assert type(change) in PATCHES, change


def read_history(auditor, case):
    """The whole history, one entry a page: linked by hashes, none missing."""
    records, after = [], UNSET
    while True:
        page = read(
            list_history.sync_detailed(case, client=auditor, after=after, limit=1), 200, models.History
        )
        records.extend(page.entries)
        after = page.next_after
        if after is UNSET:
            break
    for record in records:
        check_entry(record)
    equal([record.entry.event for record in records], ["submit", "accept", "answer", "confirm"])
    first = records[0].entry.seq
    equal([record.entry.seq for record in records], list(range(first, first + len(records))))
    equal([record.entry.prev for record in records[1:]], [record.hash_ for record in records[:-1]])
    equal([record.entry.actor.id for record in records], ["customer-17", "ann", "ann", "customer-17"])
    return records


def follow_changes(auditor, case, history):
    """The feed from its beginning, three positions at a time: the case's entries are the history's."""
    found, after = [], 0
    while True:
        page = read(
            list_changes.sync_detailed(client=auditor, after=after, limit=3), 200, models.Changes
        )
        for record in page.changes:
            check_entry(record)
        found.extend(record for record in page.changes if record.entry.instance == case)
        if not page.changes:
            break
        assert page.position > after, (page.position, after)
        after = page.position
    equal([record.hash_ for record in found], [record.hash_ for record in history])
    equal([record.position for record in found], [record.position for record in history])


def list_by_state(agent, case):
    def listed(state):
        answer = list_instances.sync_detailed(client=agent, workflow="consultation", state=state)
        return read(answer, 200, models.InstancePage).instances

    rows = listed("settled.confirmed")
    equal([(row.id, row.customer, row.channel) for row in rows], [(case, "customer-17", "email")])
    assert type(rows[0]) is models.InstanceRow and rows[0].created == NOW, rows
    equal(listed("open.answered"), [])


def main():
    import_every_module()
    customer, agent, auditor = (caller(os.environ[name]) for name in ("CUSTOMER", "AGENT", "AUDITOR"))
    case = start(customer)
    stale = accept(agent, case)
    answer(agent, case, stale)
    confirm(customer, case)
    be_refused(agent, case)
    history = read_history(auditor, case)
    follow_changes(auditor, case, history)
    list_by_state(agent, case)
    print(case)


main()
