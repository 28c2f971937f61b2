"""The tools of the grant `steer`: an agent's remarks, pause and go, skip, and lower bounds."""

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from pydantic import Field

from agent.errors import UsageFault
from agent.records.inputs import Go, Pause, Set, Skip, Tell, Withdraw
from agent.records.steering import Remark, steering_of
from agent.serve.read import Number, Run
from agent.serve.sending import AGENT, InputSender
from agent.serve.served import Repository
from agent.serve.tool_answers import InputState
from agent.serve.tries import Id, Words, client_of


class SteerTools:
    """The tools of an agent that steers a run."""

    def __init__(self, repository: Repository, sender: InputSender) -> None:
        self._repository = repository
        self._sender = sender

    def tell(
        self,
        context: Context[Any, Any],
        text: Annotated[Words, Field(description="An idea or a remark.")],
        trials: Annotated[
            int | None, Field(ge=1, le=10**6, description="For how many trials from now on.")
        ] = None,
        run: Run = None,
        id: Id = None,
    ) -> InputState:
        """Tell the run something that its model is shown with its next questions."""
        ask = Tell(text=text, trials=trials)
        return self._sender.send(run, ask, client_of(context), id)

    def withdraw(
        self,
        context: Context[Any, Any],
        remark: Annotated[int, Field(ge=1, le=10**6, description="Its number.")],
        run: Run = None,
        id: Id = None,
    ) -> InputState:
        """Withdraw a remark of an agent. Remarks of people cannot be withdrawn here."""
        with self._repository.reading(run) as served:
            inputs = served.history.inputs
            remarks = steering_of(inputs, len(served.view.trials)).remarks
        match = next((other for other in remarks if other.number == remark), None)
        if match is None or not _is_agents(match):
            raise UsageFault(f"There is no remark {remark} of an agent's that holds.")
        return self._sender.send(run, Withdraw(number=remark), client_of(context), id)

    def pause(self, context: Context[Any, Any], run: Run = None, id: Id = None) -> InputState:
        """Let the run start nothing new; the trials in training finish and are judged."""
        return self._sender.send(run, Pause(), client_of(context), id)

    def go(self, context: Context[Any, Any], run: Run = None, id: Id = None) -> InputState:
        """Let a paused run go on."""
        return self._sender.send(run, Go(), client_of(context), id)

    def skip(
        self, context: Context[Any, Any], number: Number, run: Run = None, id: Id = None
    ) -> InputState:
        """End a trial that is in training without a verdict on it: no failure, and not counted."""
        return self._sender.send(run, Skip(number=number), client_of(context), id)

    def lower_bounds(
        self,
        context: Context[Any, Any],
        trials: Annotated[
            int | None, Field(ge=1, le=10**6, description="Measured trials of the whole run.")
        ] = None,
        hours: Annotated[float | None, Field(gt=0, le=10**6, description="Of a session.")] = None,
        max_cost: Annotated[
            float | None, Field(ge=0, le=10**6, description="Dollars of the whole run.")
        ] = None,
        run: Run = None,
        id: Id = None,
    ) -> InputState:
        """Lower bounds of the run. One that would rise stays as it is: only people raise bounds."""
        if trials is None and hours is None and max_cost is None:
            raise UsageFault("Name a bound: trials, hours or max_cost.")
        ask = Set(trials=trials, hours=hours, max_cost=max_cost, only_down=True)
        return self._sender.send(run, ask, client_of(context), id)


def _is_agents(remark: Remark) -> bool:
    return remark.admitted.input.sender.split(" ")[0] == AGENT
