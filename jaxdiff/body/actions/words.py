"""The words of the captions: for every action some sentences, for every attribute and value some
phrases.
"""

from __future__ import annotations

from collections.abc import Mapping

WHO = ("a person", "someone", "a man", "a woman", "the person", "a figure", "this person")
NUMBERS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]
Words = Mapping[str, Mapping[str, tuple[str, ...]]]

COMMON: Words = {
    "speed": {
        "slow": ("slowly", "at a slow pace", "in no hurry"),
        "normal": ("", "", "at a normal pace"),
        "fast": ("quickly", "at a fast pace", "rapidly"),
    },
    "style": {
        "neutral": ("",),
        "tired": ("as if exhausted", "with slumped shoulders", "in a tired way"),
        "proud": ("proudly", "with the chest out", "in a confident manner"),
        "happy": ("cheerfully", "with a bounce", "in a happy mood"),
        "sneaky": ("sneakily", "in a stealthy crouch", "as if trying not to be noticed"),
        "stiff": ("stiffly", "like a robot", "with stiff arms"),
        "unsteady": ("unsteadily", "as if drunk", "with a stagger"),
    },
    "count": {
        "1": ("once", "one time"),
        "2": ("twice", "two times"),
        **{str(n): (f"{NUMBERS[n]} times",) for n in range(3, 13)},
    },
    "direction": {
        "left": ("to the left", "to their left"),
        "right": ("to the right", "to their right"),
    },
    "side": {"left": ("left",), "right": ("right",)},
}

TURNS = {
    "90": ("90 degrees", "a quarter turn", "ninety degrees"),
    "180": ("180 degrees", "a half turn", "halfway around"),
    "360": ("360 degrees", "a full turn", "all the way around"),
}
CURVES = {
    "straight": ("forward", "straight ahead", "ahead"),
    "left": ("forward in a curve to the left", "ahead while veering to the left"),
    "right": ("forward in a curve to the right", "ahead while veering to the right"),
}
CIRCLES = {
    "left": ("counterclockwise", "to the left"),
    "right": ("clockwise", "to the right"),
}
HANDS = {"left": ("the left hand",), "right": ("the right hand",), "both": ("both hands",)}
ARMS = {"left": ("the left arm",), "right": ("the right arm",), "both": ("both arms",)}
STEPS = {str(n): (f"{NUMBERS[n]} steps", f"{n} steps") for n in range(2, 13)}

TEXTS: dict[str, tuple[tuple[str, ...], Words]] = {
    "walk": (
        (
            "{who} walks {direction} {speed} {style}",
            "{who} is walking {direction} {speed} {style}",
            "{who} takes several steps {direction} {speed} {style}",
            "{who} goes {direction} on foot {style} {speed}",
            "walking {direction} {speed} {style}",
        ),
        {"direction": CURVES},
    ),
    "run": (
        (
            "{who} {speed} {direction}",
            "{who} {speed} {direction} with bent arms",
            "{who} {speed} {direction}, arms swinging",
            "here {who} {speed} {direction}",
        ),
        {
            "direction": CURVES,
            "speed": {
                "slow": ("jogs", "jogs slowly"),
                "normal": ("runs",),
                "fast": ("sprints", "runs fast"),
            },
        },
    ),
    "walk_backwards": (
        (
            "{who} walks backwards {speed} {style}",
            "{who} is walking backward {style} {speed}",
            "{who} steps back several times {speed} {style}",
            "{who} backs away {speed} {style}",
        ),
        {},
    ),
    "sidestep": (
        (
            "{who} sidesteps {direction} {count} {speed}",
            "{who} steps sideways {direction} {count} {speed}",
            "{who} moves sideways {direction} with {count2}, {speed}",
            "{who} shuffles {direction} {count} {speed}",
        ),
        {"count2": {str(n): (f"{NUMBERS[n]} side steps",) for n in range(2, 7)}},
    ),
    "turn": (
        (
            "{who} turns {amount} {direction} {speed}",
            "standing on the spot, {who} turns {direction}, {amount}, {speed}",
            "{who} rotates in place {direction} {speed}, {amount}",
            "{who} turns around in place, {amount} {direction} {speed}",
        ),
        {"amount": TURNS},
    ),
    "circle": (
        (
            "{who} walks in a circle {direction} {speed} {style}",
            "{who} is walking around in a circle {direction} {style} {speed}",
            "{who} goes round in a {direction2} circle {speed} {style}",
            "{who} makes a full circle {direction}, walking {speed} {style}",
        ),
        {
            "direction": CIRCLES,
            "direction2": {
                "left": ("counterclockwise", "left-handed"),
                "right": ("clockwise", "right-handed"),
            },
        },
    ),
    "stop_and_go": (
        (
            "{who} walks forward {speed} {style}, stops, and walks on",
            "{who} walks {speed} {style}, pauses for a moment, then continues",
            "{who} walks, comes to a halt, and starts walking again {speed} {style}",
            "walking {speed} {style}, {who} stops briefly and goes on",
        ),
        {},
    ),
    "turn_back": (
        (
            "{who} walks forward {speed}, turns around {direction} and walks back",
            "{who} walks {speed}, then turns {direction} and returns",
            "{who} walks ahead {speed}, makes a u-turn {direction} and comes back",
            "{who} is walking {speed}, turns back {direction}, and walks the other way",
        ),
        {},
    ),
    "march": (
        (
            "{who} marches in place {speed} for {count}",
            "{who} walks on the spot with high knees {speed}, {count}",
            "{who} lifts the knees high and marches on the spot {speed}, taking {count}",
            "{who} takes {count} in place {speed}, knees up",
        ),
        {"count": STEPS},
    ),
    "wave": (
        (
            "{who} waves with {side} {speed}",
            "{who} raises {side} and waves {speed}",
            "{who} is waving {side} {speed}",
            "{who} greets somebody by waving {side} {speed}",
        ),
        {"side": HANDS},
    ),
    "raise_arms": (
        (
            "{who} raises {side} {direction} {height} {count} {speed}",
            "{who} lifts {side} {direction} {height} {speed}, {count}",
            "{who} brings {side} up {direction} {height} and down again {count} {speed}",
            "{who} stretches {side} {height} {direction} {count} {speed}",
        ),
        {
            "side": ARMS,
            "direction": {
                "front": ("to the front", "forward"),
                "side": ("sideways", "out to the side"),
            },
            "height": {
                "shoulder height": ("to shoulder height",),
                "overhead": ("overhead", "above the head"),
            },
        },
    ),
    "clap": (
        (
            "{who} claps {count} {speed}",
            "{who} claps their hands {count} {speed}",
            "{who} is clapping {speed}, {count}",
            "{who} applauds {speed}, clapping {count}",
        ),
        {},
    ),
    "bow": (
        (
            "{who} bows {depth} {speed}",
            "{who} takes a {depth2} bow {speed}",
            "{who} bends forward {depth} at the waist in a bow {speed}",
            "{who} greets with a {depth2} bow {speed}",
        ),
        {
            "depth": {"slight": ("slightly", "a little"), "deep": ("deeply", "very low")},
            "depth2": {"slight": ("slight", "small"), "deep": ("deep", "low")},
        },
    ),
    "punch": (
        (
            "{who} punches {side} {count} {speed}",
            "{who} throws {count2} {side} {speed}",
            "{who} is boxing, punching {side} {count} {speed}",
            "{who} raises a guard and punches {count} {side} {speed}",
        ),
        {
            "side": {
                "left": ("with the left fist", "with the left hand"),
                "right": ("with the right fist", "with the right hand"),
                "both": ("with alternating fists", "with both hands in turn"),
            },
            "count2": {
                str(n): ("one punch" if n == 1 else f"{NUMBERS[n]} punches",) for n in range(1, 7)
            },
        },
    ),
    "throw": (
        (
            "{who} throws something with {side} {speed}",
            "{who} throws a ball overhand with {side} {speed}",
            "{who} winds up and throws with {side} {speed}",
            "{who} steps forward and hurls an object with {side} {speed}",
        ),
        {"side": HANDS},
    ),
    "side_bend": (
        (
            "{who} bends {side} {count} {speed}",
            "{who} leans {side} with one arm overhead {count} {speed}",
            "{who} does side stretches {side} {speed}, {count}",
            "{who} stretches {side} {count} {speed}",
        ),
        {
            "side": {
                "left": ("to the left", "to the left side"),
                "right": ("to the right", "to the right side"),
            }
        },
    ),
    "look_around": (
        (
            "{who} looks around {speed}, shading the eyes with {side}",
            "with {side} at the forehead, {who} looks from side to side {speed}",
            "{who} lifts {side} to the brow and searches the horizon {speed}",
            "{who} looks into the distance {speed} with {side} over the eyes",
        ),
        {"side": HANDS},
    ),
    "squat": (
        (
            "{who} does {depth} squats {speed}, {count}",
            "{who} squats {depth2} {count} {speed}",
            "{who} bends the knees into a {depth} squat {count} {speed}",
            "{who} lowers into a {depth} squat with arms forward {speed}, {count}",
        ),
        {
            "depth": {"half": ("half", "shallow"), "deep": ("deep", "full")},
            "depth2": {
                "half": ("halfway down", "slightly"),
                "deep": ("all the way down", "deeply"),
            },
        },
    ),
    "jump": (
        (
            "{who} jumps {direction} {height} {count}",
            "{who} crouches and jumps {direction} {height} {count}",
            "{who} leaps {direction} {height} {count}",
            "{who} does {height2} jumps {direction}, {count}",
        ),
        {
            "direction": {
                "up": ("up", "straight up", "on the spot"),
                "forward": ("forward", "ahead"),
            },
            "height": {
                "low": ("a little", "not very high"),
                "high": ("high", "as high as possible"),
            },
            "height2": {"low": ("low", "small"), "high": ("high", "big")},
        },
    ),
    "jumping_jacks": (
        (
            "{who} does {count} {speed}",
            "{who} is doing jumping jacks {speed}, {count2} in all",
            "{who} performs {count} {speed}",
            "{who} exercises with {count} {speed}",
        ),
        {
            "count": {
                str(n): (f"{NUMBERS[n]} jumping jacks", f"{n} jumping jacks") for n in range(2, 7)
            },
            "count2": {str(n): (NUMBERS[n],) for n in range(2, 7)},
        },
    ),
    "hop": (
        (
            "{who} hops on the {side} leg {count}",
            "{who} is hopping in place on the {side} foot {count}",
            "{who} stands on the {side} leg and hops {count}",
            "{who} jumps on the {side} foot only, {count}",
        ),
        {},
    ),
    "balance": (
        (
            "{who} balances on the {side} leg",
            "{who} stands on the {side} foot with arms out to the sides",
            "{who} stands on one leg, the {side} one, keeping balance",
            "{who} lifts one foot and balances on the {side} leg",
        ),
        {},
    ),
    "kick": (
        (
            "{who} kicks {direction} {height} with the {side} leg {speed}",
            "{who} does a {height2} kick {direction} with the {side} foot {speed}",
            "{who} kicks {height} {direction} using the {side} foot {speed}",
            "{who} lifts the {side} leg and kicks {direction} {height} {speed}",
        ),
        {
            "direction": {
                "front": ("forward", "to the front"),
                "side": ("sideways", "out to the side"),
            },
            "height": {"low": ("low", "at knee height"), "high": ("high", "high up")},
            "height2": {"low": ("low",), "high": ("high",)},
        },
    ),
    "lunge": (
        (
            "{who} lunges forward with the {side} leg {count} {speed}",
            "{who} does a lunge with the {side} foot in front {speed}, {count}",
            "{who} steps into a deep lunge on the {side} leg and back {count} {speed}",
            (
                "{who} takes a long step forward with the {side} foot and bends the knees {count}"
                " {speed}"
            ),
        ),
        {},
    ),
    "sit_down": (
        (
            "{who} sits down {speed} {end}",
            "{who} takes a seat {speed} {end}",
            "{who} lowers onto a chair {speed} {end}",
            "{who} bends forward and sits down on a stool {speed} {end}",
        ),
        {
            "end": {
                "stays": ("and stays seated", "and remains sitting"),
                "rises": ("and stands up again", "and gets back up"),
            }
        },
    ),
    "pick_up": (
        (
            "{who} picks something up from the floor with {side} {speed}",
            "{who} crouches {speed} and picks up an object with {side}",
            "{who} bends down {speed}, grabs something with {side} and stands up",
            "{who} reaches down with {side} {speed} to pick up a thing from the ground",
        ),
        {"side": HANDS},
    ),
}
"""For each action: sentences, and the words of its own; `count2` is another form of `count`, and so
on.
"""
