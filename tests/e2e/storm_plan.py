"""What is done in a storm and when, which follows from its seed alone; and what must come of it."""
import random

from proxies import Weather

ACTS = 55
DEATHS_UNTIL = 20  # acts: after that the manager lives long enough for what it says to be held against it
ROLES = {"a": "web", "b": "web", "c": "db", "d": "db", "guest": "web"}  # the guest is in a's network namespace
POLICIES = ("p1", "p2", "p3", "p4", "p5")
SELECTORS = {  # and whether a container, as the engine inspects it, fits
    "role=web": lambda it: it.role == "web",
    "role in (web,db)": lambda it: True,
    "role!=web": lambda it: it.role != "web",
    "slot=guest": lambda it: it.slot == "guest",
    "@name=*-renamed": lambda it: it.name.endswith("-renamed"),
    "@network=entropy-test-*": lambda it: any(name.startswith("entropy-test-") for name in it.addresses),
}
PIDS = 200
# What a datagram to the peer and its echo feel of it: so many ms, or nothing comes back.
FAILURES = [({"latency": {"delay": "40ms"}}, 40), ({"latency": {"delay": "70ms", "direction": "both"}}, 140),
            ({"partition": {}}, None), ({"loss": {"percent": "100%", "protocol": "udp"}}, None),
            ({"latency": {"delay": "5ms", "protocol": "tcp"}}, 0), ({"pids": {"limit": PIDS}}, 0)]
SCHEDULES = ({}, {}, {"frequency": "2s", "duration": "1s", "probability": 0.5})
WEATHERS = (Weather(), Weather(slow=0.5, slowest=1.5), Weather(refused=0.3), Weather(unanswered=0.3), Weather(mute=0.05),
            Weather(slow=0.3, slowest=0.5, refused=0.1, unanswered=0.1, mute=0.02))


def lease(seed):
    """Of the service, in seconds."""
    return 3 if seed % 2 == 0 else 6


def plan(seed):
    """Acts as (seconds since the beginning, kind, what, arguments)."""
    dice = random.Random(seed)
    acts, at = [], 0.0

    def draft():
        failure = dice.randrange(len(FAILURES))
        schedule = dice.choice(SCHEDULES) if "latency" in FAILURES[failure][0] and FAILURES[failure][1] == 0 else {}
        state = {"state": "stopped"} if dice.random() < 0.1 else {}
        selector = dice.choice(list(SELECTORS))
        return {"selector": selector, "failure": FAILURES[failure][0], **schedule, **state,
                "description": f"{failure} {selector}"}  # by which it is known again, see `fits` and `felt`

    def user():
        what = dice.choices(("create", "change", "remove", "start", "stop", "halt", "resume", "replace"),
                            (4, 6, 3, 2, 2, 1, 2, 1))[0]
        arguments = {"create": (draft(),), "change": (draft(),), "replace": (dice.random(),)}.get(what, ())
        return what, (*(() if what in ("halt", "resume", "replace") else (dice.choice(POLICIES),)), *arguments)

    def target():
        return dice.choice(("stop", "start", "restart", "restart", "pause", "unpause", "rename", "recreate", "connect",
                            "disconnect")), (dice.choice(list(ROLES)),)

    def injector():
        return dice.choice(("kill", "remove", "pause")), (dice.random(),)

    def weather():
        what = dice.choice(("change", "change", "away", "cut"))
        return what, {"change": (dice.choice(WEATHERS),), "away": (dice.uniform(0.1, 2),)}.get(what, ())

    def manager():
        absence = dice.choice((0.0, dice.uniform(0, 1.5)))
        what = dice.choices(("kill", "kill_over", "end"), (3, 3, 1))[0]
        return what, (absence, *((dice.uniform(0.002, 0.03), user()) if what == "kill_over" else ()))

    acts += [(0.0, "user", "create", (name, draft())) for name in POLICIES[:2]]
    while len(acts) < ACTS:
        at += dice.uniform(0.02, 0.5)
        deaths = 6 if len(acts) < DEATHS_UNTIL else 0
        kind = dice.choices((user, target, injector, weather, manager), (13, 10, 4, 6, deaths))[0]
        acts.append((at, kind.__name__, *kind()))
    return acts + [(at, "manager", *manager())]


def told(argument):
    """An act's argument in its story."""
    if isinstance(argument, Weather):
        return ", ".join(f"{name} {value}" for name, value in vars(argument).items() if value) or "fair"
    if isinstance(argument, tuple):
        return " ".join(map(told, argument))
    return f"{argument:.3f}" if isinstance(argument, float) else str(argument)


def fits(policy, it):
    return SELECTORS[policy["description"].split(" ", 1)[1]](it)


def limits(policy):
    """A failure of the container itself."""
    return "pids" in policy["failure"]


def felt(policy):
    return FAILURES[int(policy["description"].split(" ")[0])][1]
