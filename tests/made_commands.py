"""What tests of commands type."""


def dialogue(recommend, profiles, *lines):
    code, out, err = recommend("--profiles", profiles, "-k", 3, stdin="\n".join(lines) + "\n")
    assert code == 0, err
    return out
