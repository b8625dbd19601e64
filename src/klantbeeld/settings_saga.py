"""Settings of writes over several systems: who approves, what waits, and who else has a say."""

from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, model_validator

from klantbeeld.settings_section import Bilingual, Clash, Seconds, Secret, Section, hold
from klantbeeld.toml_lines import Key

DAY = 86_400
TASK_SCOPE = "tasks:work"

ScopeName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*:[a-z][a-z0-9_-]*$")]


class ApprovalSettings(Section):
    """What a second person has to approve, and by when."""

    credit_above: float = Field(default=250, ge=0, allow_inf_nan=False)
    """Credit above which `closeComplaintWithCredit` waits for a second person, in units of the credit's currency."""
    due: Seconds = DAY
    """Time after which a task is due, in seconds."""
    escalates: Seconds = 2 * DAY
    """Time after which a task that nobody decided goes to those who have `escalates_to`, in seconds."""
    scope: ScopeName = TASK_SCOPE
    """Scope of those who may decide."""
    escalates_to: ScopeName = "tasks:escalated"
    """Scope of those to whom what nobody decided goes."""


class Hook(Section):
    """Something that happens before or after every step that is one act."""

    act: str = Field(min_length=1)
    """The act, as roles call it (`credit_invoice`)."""
    moment: Literal["before", "after"] = "before"
    """Before the act is sent, or after it was applied."""
    does: Literal["approve", "wait", "notify", "engage"]
    """A second person approves, time passes, whoever listens is told, or an external engine decides."""
    title: Bilingual | None = None
    """What a person is asked; needed to approve."""
    scope: ScopeName = TASK_SCOPE
    """Scope of those who may decide, to approve."""
    seconds: Seconds | None = None
    """How long to wait, in seconds; needed to wait."""
    topic: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9.-]{0,99}$")
    """What the event says; needed to notify."""
    engine: str | None = None
    """Name of the engine; needed to engage one."""
    process: str | None = None
    """Name of the engine's process; needed to engage one."""

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        needed = {"approve": ("title",), "wait": ("seconds",), "notify": ("topic",), "engage": ("engine", "process")}
        if missing := [name for name in needed[self.does] if getattr(self, name) is None]:
            raise ValueError(f"a hook that is to {self.does} needs {', '.join(missing)}")
        return self


class WorkflowEngine(Section):
    """An external workflow engine (Camunda, Flowable) that takes part in sagas."""

    url: str = Field(pattern=r"^(https://|http://(127\.0\.0\.1|\[::1\]|localhost)[:/])")
    """Where a step is handed over by POST: https, or http on this machine."""
    secret: Secret
    """Key of the signature (HMAC-SHA-256) over what is sent, 32 bytes or more, base64."""
    timeout: Seconds = 5
    """Longest that the engine may take to accept a step, in seconds."""
    decides_within: Seconds = 7 * DAY
    """Longest that it may take to decide, in seconds; after it the step counts as not applied."""
    retry_every: Seconds = 30
    """Time between two attempts to hand a step over, in seconds."""
    scope: ScopeName = "tasks:engine"
    """Scope of the token with which the engine says what it decided."""


class SagaSettings(Section):
    """Acts over several systems."""

    declared: tuple[Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")], ...] = ()
    """Sagas of your own: where each is found (`my_package.sagas:RETURN_GOODS`)."""
    approval: ApprovalSettings = ApprovalSettings()
    """What a second person has to approve."""
    approve_first: dict[str, Bilingual] = Field(default_factory=dict)
    """Mutations that a second person has to approve before anything is sent, each with what that person is asked."""
    hooks: tuple[Hook, ...] = ()
    """What happens before or after the steps of every write."""
    engines: dict[str, WorkflowEngine] = Field(default_factory=dict)
    """External workflow engines by name."""

    @model_validator(mode="after")
    def _engines_are_known(self, info: ValidationInfo) -> Self:
        unknown = sorted({hook.engine for hook in self.hooks if hook.engine} - set(self.engines))
        here: Key = ("writes", "sagas")
        keys = [(*here, "hooks"), *((*here, "engines", name) for name in unknown)]
        hold(info, [Clash(keys, f"hooks: {unknown} not among engines")] if unknown else [])
        return self
