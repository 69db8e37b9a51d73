"""The workers as the supervisor sees them: who serves which slot, and how all of them are kept in step.

No processes and no sockets here: members are told by ``send`` and ended by ``kill``, and what they say comes to
`Crew.heard`. One event loop; nothing between two awaits can be interrupted, and the rules of a swap rest on that:
- who is ready or serving when a swap begins takes part in it, and it is over only when all of them have loaded;
- who gets ready meanwhile is given no slot until it is over, and loads what is in force then.
So at no moment does a worker take connections under another generation than the one in force.
"""

import asyncio
from collections.abc import Callable

from subrosa.runtime.workers.members import Member, Target, Told
from subrosa.runtime.workers.messages import (
    Alive,
    Done,
    Drain,
    Failed,
    Flush,
    Forget,
    Loaded,
    Lock,
    Message,
    Records,
    Serve,
    Serving,
    Switch,
    Switched,
    Unable,
)
from subrosa.runtime.workers.rounds import Round


class Crew:
    """So many slots, and the members that serve them or stand by."""

    def __init__(self, size: int, told: Told, *, locked: bool = False) -> None:
        self.slots: list[Member | None] = [None] * size
        self.members: list[Member] = []
        self.changed = asyncio.Event()
        """Set whenever a member joins, leaves or serves; who waits clears it."""
        self.whole = asyncio.Event()
        """Set while every slot is served."""
        self.own: tuple[tuple[str, int], ...] = ()
        self._told = told
        self._used: set[int] = set()
        self._target: Target | None = None
        self._loading: Round[Member] | None = None
        self._asked: Target | None = None
        self._switching: Round[Member] | None = None
        self._locked = locked
        self._rounds: dict[int, Round[Member]] = {}
        self._number = 0
        self._draining = False

    @property
    def in_force(self) -> int:
        """The number of the load in force, 0 before the first."""
        return 0 if self._target is None else self._target.number

    @property
    def serving(self) -> int:
        """How many slots are served."""
        return sum(member is not None and member.serving for member in self.slots)

    @property
    def evidence_fault(self) -> str:
        """What the evidence of a serving worker fails with; empty while all of it is written."""
        faults = (member.evidence_fault for member in self.slots if member is not None)
        return next((fault for fault in faults if fault), "")

    # --- who is there --------------------------------------------------------------------------------------

    def joined(self, member: Member) -> None:
        """Take a process that was just started."""
        self.members.append(member)
        if self._locked:
            member.send(Lock(on=True, number=0))
        self._load(member)
        self.changed.set()

    def left(self, member: Member) -> None:
        """Forget a process that is gone, and give its slot to one that stands by."""
        self.members.remove(member)
        for asked in (self._loading, self._switching, *self._rounds.values()):
            if asked is not None:
                asked.left(member)
        if member.slot is not None:
            self.slots[member.slot] = None
            self.whole.clear()
            self._told.vacated(member.slot)
        self._assign()
        self.changed.set()

    def tick(self, most_silent: int, most_starting: int) -> list[Member]:
        """Count a moment of silence for each; gives those who were silent for too long."""
        for member in self.members:
            member.silent += 1
        return [
            member
            for member in self.members
            if member.silent > (most_silent if member.started else most_starting)
        ]

    def silent(self, most: int) -> list[Member]:
        """Those who should serve and have said nothing for so many moments."""
        return [one for one in self.slots if one is not None and one.silent > most]

    # --- what they say -------------------------------------------------------------------------------------

    def heard(self, member: Member, message: Message) -> None:
        """Take what a member says."""
        member.started, member.silent = True, 0
        match message:
            case Records():
                self._told.records(message)
            case Alive():
                member.evidence_fault = message.evidence
            case Loaded():
                self._loaded(member, message)
            case Failed():
                self._failed(member, message)
            case Serving():
                self._serves(member)
            case Unable():
                self._told.unable(message.faults)
            case Switched() | Done():
                self._answered(member, message)

    def _answered(self, member: Member, message: Switched | Done) -> None:
        if isinstance(message, Done):
            asked = self._rounds.get(message.number)
        else:
            asked = self._switching if message.number == self.in_force else None
        if asked is not None:
            asked.answer(member)

    def _serves(self, member: Member) -> None:
        member.serving = True
        if member.slot in self._used:
            self._told.replaced(member.slot)
        elif member.slot is not None:
            self._used.add(member.slot)
        if self.serving == len(self.slots):
            self.whole.set()
        self.changed.set()

    def _loaded(self, member: Member, message: Loaded) -> None:
        for target in (self._asked, self._target):
            if target is None or target.number != message.number:
                continue
            wrong = "" if message.digest == target.digest else _other(member)
            if target is self._asked and self._loading is not None:
                self._loading.answer(member, wrong)
            elif wrong:
                self._told.unable((wrong,))
                member.kill()
            else:
                self._put_in_force(member, target)
            return
        self._load(member)

    def _failed(self, member: Member, message: Failed) -> None:
        if self._asked is not None and message.number == self._asked.number and self._loading:
            self._loading.answer(member, message.fault)
        elif self._target is not None and message.number == self._target.number:
            self._told.unable((message.fault,))
            member.kill()

    def _load(self, member: Member) -> None:
        """Have a member load what is in force, unless it has that or is at it."""
        target = self._target
        if target is not None and target.number not in (member.told, member.force):
            member.told = target.number
            member.send(target.load)

    def _put_in_force(self, member: Member, target: Target) -> None:
        member.force = target.number
        member.send(Switch(number=target.number))
        self._assign()

    def _assign(self) -> None:
        """Give free slots to members that have the policy in force; none while a swap is under way, or at the end."""
        if self._loading is not None or self._draining or self._target is None:
            return
        ready = [one for one in self.members if one.slot is None and one.force == self._target.number]
        free = [slot for slot, member in enumerate(self.slots) if member is None]
        for slot, member in zip(free, ready, strict=False):
            member.slot, self.slots[slot] = slot, member
            member.send(Serve(slot=slot, own=self.own))

    # --- what they are told --------------------------------------------------------------------------------

    async def swap(self, target: Target, seconds: float) -> list[str]:
        """Put a generation in force everywhere, or nowhere; gives what keeps it from being loaded."""
        taking_part = [member for member in self.members if member.force]
        self._asked, self._loading = target, Round(taking_part)
        for member in taking_part:
            member.told = target.number
            member.send(target.load)
        try:
            await self._loading.over(seconds)
            faults = self._loading.faults or [_late(member, seconds) for member in self._loading.waiting]
        finally:
            self._asked = self._loading = None
        taking_part = [member for member in taking_part if member in self.members]
        if faults:
            for member in taking_part:
                member.send(Forget(number=target.number))
            self._assign()
            return faults
        await self._switch(target, taking_part, seconds)
        return []

    async def _switch(self, target: Target, prepared: list[Member], seconds: float) -> None:
        self._target, self._switching = target, Round(prepared)
        for member in self.members:
            if member in prepared:
                self._put_in_force(member, target)
            else:
                self._load(member)
        self._assign()
        await self._switching.over(seconds)
        for member in self._switching.waiting:
            member.kill()
        self._switching = None

    async def lock(self, seconds: float, *, on: bool) -> None:
        """Turn the switch that refuses everything; on return each worker that serves has turned it, or is killed.

        One that does not serve yet hears of it before it is told to. One that is late to hear that the switch was
        turned off goes on refusing meanwhile, and is left alone.
        """
        self._locked = on
        late = await self._ask(lambda number: Lock(on=on, number=number), seconds)
        for member in late if on else ():
            member.kill()

    async def flush(self, seconds: float) -> None:
        """Have every record that workers have told so far sent here, as far as that can be done in time."""
        await self._ask(lambda number: Flush(number=number), seconds)

    async def _ask(self, question: Callable[[int], Message], seconds: float) -> set[Member]:
        """Tell all members something; gives those who serve and have not answered in time."""
        self._number += 1
        number, asked = self._number, Round(one for one in self.members if one.slot is not None)
        self._rounds[number] = asked
        for member in self.members:
            member.send(question(number))
        try:
            await asked.over(seconds)
        finally:
            del self._rounds[number]
        return asked.waiting

    def drain(self) -> None:
        """Let those who serve end what is in flight; the others just end."""
        self._draining = True
        for member in self.members:
            if member.slot is None:
                member.kill()
            else:
                member.send(Drain())


def _other(member: Member) -> str:
    return f"worker {member.pid} built another policy than the supervisor: were the rules changed meanwhile?"


def _late(member: Member, seconds: float) -> str:
    return f"worker {member.pid} did not load the policy within {seconds:g} s"
