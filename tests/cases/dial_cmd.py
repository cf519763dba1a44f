"""dial_cmd.py - adit dial, hangup, entries, connections against a daemon that is this script.

It knows the verbs dial.*; the password is trustno1; the entry `slow` never gets further
than connecting; `drops` is lost after it was up.
"""
import json, os, pty, select, signal, socket, subprocess, sys, tempfile, threading, time

build = os.environ.get("top_builddir", ".")
work = tempfile.TemporaryDirectory()
sock = work.name + "/sock"
asked, lock = [], threading.Lock()
events = threading.Condition(lock)
n = bad = 0


def t(what, yes, *said):
    global n, bad
    n += 1
    print(("ok" if yes else "not ok"), n, "-", what)
    if not yes:
        bad = 1
        for s in said:
            print("#", repr(s))
    sys.stdout.flush()


CONNECTION = {"handle": 7, "entry": "office", "state": "connected", "server": "192.0.2.1", "protocol": "pptp",
              "interface": "dial0", "address": "10.9.0.2", "peer": "10.9.0.1", "dns": ["10.9.0.53"],
              "user": "anna", "since": "now", "duration_ms": 5000, "bytes_in": 1234567, "bytes_out": 2,
              "packets_in": 3, "packets_out": 4, "redials": 0}
ENTRIES = [{"name": "office", "server": "vpn.example", "type": "automatic", "user": "", "interface": "",
            "state": "idle", "owner": "system", "connection": None},
           {"name": "evil\x1b[2J", "server": "x", "owner": "system", "state": "idle"}]


def serve(s):
    f = s.makefile("rw", encoding="utf-8")

    def say(**o):
        f.write(json.dumps(o) + "\n")
        f.flush()

    try:
        line = f.readline()
        if not line:
            return
        o = json.loads(line)
        a = o["args"]
        with events:
            asked.append(o)
            events.notify_all()
        v = o["verb"]
        if v == "dial.entries":
            say(ok=True, result=ENTRIES)
        elif v == "dial.connections":
            say(ok=True, result=[CONNECTION, dict(CONNECTION, handle=9, entry="own", over=7)])
        elif v == "dial.interfaces":
            say(ok=True, result=[{"interface": "branch", "entry": "branch", "state": "unreachable", "persistent": False,
                                  "text": "The peer did not answer.", "packets_dialled": 3, "packets_refused": 0}])
        elif v == "dial.hangup":
            if a.get("handle", 7) == 7 and a.get("entry", "office") == "office":
                say(ok=True, result={"ended": 1})
            else:
                say(ok=False, error={"code": "ADIT_ENOENT", "text": "There is no such connection."})
        elif v == "dial.begin":
            name = a["entry"] if isinstance(a["entry"], str) else a["entry"]["name"]
            if name == "nosuch":
                say(ok=False, error={"code": "ADIT_ENOENT", "text": "no entry 'nosuch'; did you mean 'office'?"})
                return
            say(handle=7, state="resolving")
            say(handle=7, state="connecting", server="192.0.2.1")
            if name == "slow":
                s.recv(1)
                with events:
                    asked.append("gone")
                    events.notify_all()
                return
            if not a.get("password"):
                say(handle=7, state="failed", ras=703, code="ADIT-NO-CREDENTIALS", text="No password is known.")
            elif a["password"] != "trustno1":
                say(handle=7, state="failed", ras=691, code="ADIT-AUTH-FAILED", text="The password is wrong.",
                    remedy="Type the password again.",
                    tried=[{"type": "l2tp-ipsec", "server": "192.0.2.1", "ras": 809, "code": "ADIT-NO-ANSWER",
                            "text": "The peer did not answer."},
                           {"type": "pptp", "server": "192.0.2.1", "ras": 691, "code": "ADIT-AUTH-FAILED",
                            "text": "The password is wrong."}])
            else:
                say(handle=7, state="authenticating")
                say(handle=7, state="projected")
                say(**dict(CONNECTION, entry=name))
        elif v == "dial.watch":
            say(handle=7, state="connected")
            if a["handle"] == 7 and "drop" in waits:
                say(handle=7, state="redialling")
                say(handle=7, state="ended", ras=829, code="ADIT-LOST-CARRIER", text="The tunnel was lost.")
            elif "end" in waits:
                say(handle=7, state="ended", ras=631, code="ADIT-ADMIN", text="It was hung up.")
            else:
                s.recv(1)
    except (BrokenPipeError, ConnectionResetError):
        pass
    finally:
        f.close()
        s.close()


def accept():
    while True:
        s, _ = listener.accept()
        threading.Thread(target=serve, args=(s,), daemon=True).start()


waits = set()
listener = socket.socket(socket.AF_UNIX)
listener.bind(sock)
listener.listen(16)
threading.Thread(target=accept, daemon=True).start()
home = work.name + "/home"
os.makedirs(home + "/.config/adit")
env = {"PATH": os.environ["PATH"], "HOME": home, "ADIT_SOCKET": sock}
for k in ("ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS"):
    if k in os.environ:
        env[k] = os.environ[k]


def start(*args, **more):
    e = dict(env, **more.pop("env", {}))
    return subprocess.Popen([build + "/adit", *args], env=e, stdin=more.pop("stdin", subprocess.DEVNULL),
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, **more)


def adit(*args, password=None, **more):
    """(exit status, standard output, standard error)"""
    del asked[:]
    if password is not None:
        r, w = os.pipe()
        os.write(w, password.encode() + b"\nnot this\n")
        os.close(w)
        args += ("--password-fd", str(r))
        more["pass_fds"] = (r,)
    p = start(*args, **more)
    out, err = p.communicate(timeout=30)
    if password is not None:
        os.close(r)
    return p.returncode, out, err


def until(yes):
    with events:
        return events.wait_for(yes, 10)


def verbs():
    return [o if isinstance(o, str) else o["verb"] for o in asked]


def lines(out):
    return [json.loads(x) for x in out.splitlines()]


# ---- dial
rc, out, err = adit("dial", "office", "--user", "anna", password="trustno1")
t("dials with a password of a descriptor", rc == 0 and "office: connected by pptp to 192.0.2.1, address 10.9.0.2 on dial0, handle 7" in out, out, err)
t("  which goes out once, without what follows it", asked[0]["args"] == {"entry": "office", "user": "anna", "password": "trustno1"}, asked)
t("  each state is a line where there is no terminal", err.splitlines() == ["office: resolving", "office: connecting to 192.0.2.1", "office: authenticating", "office: projected"], err)
rc, out, err = adit("dial", "office", "--json", password="trustno1")
t("JSON lines", rc == 0 and [o["state"] for o in lines(out)] == ["resolving", "connecting", "authenticating", "projected", "connected"] and lines(out)[-1]["dns"] == ["10.9.0.53"] and err == "", out, err)
rc, out, err = adit("dial", "office", password="wrong")
t("a wrong password: the number, the sentence, what was tried, the remedy", rc == 1 and "office: error 691: The password is wrong. (ADIT-AUTH-FAILED)" in err and "tried l2tp-ipsec at 192.0.2.1: error 809" in err and "Type the password again." in err, err)
rc, out, err = adit("dial", "office", "--json", password="wrong")
t("  as JSON", rc == 1 and lines(out)[-1]["state"] == "failed" and lines(out)[-1]["ras"] == 691 and lines(out)[-1]["tried"][0]["ras"] == 809, out)
rc, out, err = adit("dial", "nosuch")
t("an entry that is not there", rc == 1 and "error 623: no entry 'nosuch'; did you mean 'office'?" in err, err)
rc, out, err = adit("dial", "nosuch", "--json")
t("  as JSON", rc == 1 and lines(out)[-1]["ras"] == 623, out)
rc, out, err = adit("dial", "office", "--no-prompt")
t("nobody to ask: 703", rc == 1 and "error 703" in err, err)
rc, out, err = adit("dial", "office")
t("no terminal to ask on: the same", rc == 1 and "error 703" in err, err)
rc, out, err = adit("dial", "office", "--password", "trustno1")
t("a password is never an argument", rc == 2 and not asked, err)
rc, out, err = adit("dial", "office", env={"PASSWORD": "trustno1", "ADIT_PASSWORD": "trustno1"})
t("  nor of the environment", rc == 1 and "trustno1" not in json.dumps(asked), asked)
rc, out, err = adit("dial", "slow", "--timeout", "1")
t("a time limit", rc == 1 and "error 1460" in err and until(lambda: "gone" in asked), err)
rc, out, err = adit("--socket", work.name + "/nobody", "dial", "office", password="x")
t("no daemon", rc == 1 and "error 711: " + work.name + "/nobody: no daemon answers there" in err, err)

# ---- files and systemd
secret = work.name + "/secret"
with open(secret, "w") as f:
    f.write("trustno1\r\nmore\n")
os.chmod(secret, 0o644)
rc, out, err = adit("dial", "office", "--password-file", secret)
t("a file that others can read is refused, before anything is asked", rc == 1 and "chmod 600" in err and not asked, err)
os.chmod(secret, 0o600)
rc, out, err = adit("dial", "office", "--password-file", secret, "--psk-file", secret)
t("a file of ours is taken, its first line", rc == 0 and asked[0]["args"]["psk"] == "trustno1", err)
os.chown(secret, 12345, -1) if os.geteuid() == 0 else None
rc, out, err = adit("dial", "office", "--password-file", secret)
t("  of nobody else", rc == 1 and "belongs to somebody else" in err and not asked if os.geteuid() == 0 else rc == 0, err)
os.chown(secret, 0, -1) if os.geteuid() == 0 else None
os.mkfifo(work.name + "/fifo", 0o600)
rc, out, err = adit("dial", "office", "--password-file", work.name + "/fifo")
t("  and no pipe", rc == 1 and "is no file" in err, err)
creds = work.name + "/creds"
os.mkdir(creds)
with open(creds + "/office.password", "w") as f:
    f.write("trustno1")
with open(creds + "/user", "w") as f:
    f.write("berta")
rc, out, err = adit("dial", "office", env={"CREDENTIALS_DIRECTORY": creds})
t("credentials of systemd, of the entry or of all", rc == 0 and asked[0]["args"] == {"entry": "office", "user": "berta", "password": "trustno1"}, err, asked)

# ---- a phone book of one's own
os.chmod(secret, 0o600)
book = home + "/.config/adit/phonebook.yaml"
with open(book, "w") as f:
    f.write("# mine\nentries:\n  - name: own\n    server: [a.example, 192.0.2.9]\n    type: pptp\n    user: carl\n"
            "    password-file: pw\n    default-route: no\n  - name: office\n    server: mine.example\n")
with open(home + "/.config/adit/pw", "w") as f:
    f.write("trustno1\n")
os.chmod(home + "/.config/adit/pw", 0o600)
rc, out, err = adit("dial", "own")
t("an entry of one's own goes along, its file is read here", rc == 0 and asked[0]["args"] == {
    "entry": {"name": "own", "server": ["a.example", "192.0.2.9"], "type": "pptp", "user": "carl", "default-route": "no"},
    "password": "trustno1"}, asked, err)
rc, out, err = adit("dial", "office", password="trustno1")
t("  before the system's of the same name", rc == 0 and asked[0]["args"]["entry"]["server"] == "mine.example", asked)
rc, out, err = adit("dial", "office", "--system", password="trustno1")
t("  but for --system", rc == 0 and asked[0]["args"]["entry"] == "office", asked)

# ---- a terminal
def typed(answers, *args):
    """Types the answers at the prompts; (exit status, what stood on the terminal)"""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(build + "/adit", [build + "/adit", *args], dict(env, TERM="dumb"))
    seen, last = "", 0
    answers = list(answers)
    while True:
        r, _, _ = select.select([fd], [], [], 20)
        try:
            data = os.read(fd, 4096) if r else b""
        except OSError:
            data = b""
        if not data:
            break
        seen += data.decode(errors="replace")
        if answers and seen[last:].endswith(": "):
            last = len(seen)
            os.write(fd, (answers.pop(0) + "\n").encode())
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen


rc, seen = typed(["anna", "wrong", "trustno1"], "dial", "office", "--system")
t("asks for user and password, and again when it was mistyped", rc == 0 and "User for office: anna" in seen and seen.count("Password for office: ") == 2 and "connected by pptp" in seen, seen)
t("  without echo", "trustno1" not in seen and "wrong" not in seen.replace("is wrong", ""), seen)
t("  the state is one line that is written over", "\r\x1b[K" in seen, seen)
rc, seen = typed(["wrong"] * 3, "dial", "own2", "--system", "--user", "x")
t("three times at most", rc == 1 and seen.count("Password for") == 3 and "error 691" in seen, seen)

# ---- Ctrl-C
del asked[:]
p = start("dial", "slow")
while "connecting" not in p.stderr.readline():
    pass
p.send_signal(signal.SIGINT)
out, err = p.communicate(timeout=20)
t("Ctrl-C while it dials: hangs up, says so, status 130", p.returncode == 130 and "slow: hung up" in err and {"verb": "dial.hangup", "args": {"handle": 7}} in asked, p.returncode, err, asked)
del asked[:]
p = start("dial", "own", "--wait")
until(lambda: "dial.watch" in verbs())
p.send_signal(signal.SIGTERM)
out, err = p.communicate(timeout=20)
t("--wait: the same for a connection that is up", p.returncode == 143 and "own: hung up" in err and "dial.hangup" in verbs(), p.returncode, err, asked)
del asked[:]
p = start("dial", "slow")
while "connecting" not in p.stderr.readline():
    pass
p.kill()
p.communicate()
t("killed, its attempt ends", until(lambda: "gone" in asked), asked)
waits.add("end")
rc, out, err = adit("dial", "own", "--wait")
t("--wait: hung up by somebody else: 0", rc == 0 and "own: hung up" in err and out.count("connected by") == 1, rc, out, err)
waits.add("drop")
rc, out, err = adit("dial", "own", "--wait")
t("--wait: lost: 1, and the number", rc == 1 and "own: redialling" in err and "own: error 829: The tunnel was lost. (ADIT-LOST-CARRIER)" in err, rc, err)
rc, out, err = adit("dial", "own", "--wait", "--json")
t("  as JSON", rc == 1 and lines(out)[-1]["ras"] == 829 and [o["state"] for o in lines(out)].count("connected") == 1, out)

# ---- hangup, lists
rc, out, err = adit("hangup", "office")
t("hangs up by the entry", rc == 0 and "office: hung up" in out and asked[0]["args"] == {"entry": "office"}, err)
rc, out, err = adit("hangup", "7", "--json")
t("  by the handle", rc == 0 and json.loads(out)["ok"] and asked[0]["args"] == {"handle": 7}, err)
rc, out, err = adit("hangup", "8")
t("  what is not there", rc == 1 and "error 623" in err, err)
rc, out, err = adit("hangup", "8", "--json")
t("  as JSON", rc == 1 and json.loads(out)["ok"] is False, out)
rc, out, err = adit("hangup")
t("  what?", rc == 2, rc)
rc, out, err = adit("entries")
t("entries: one's own and the system's", rc == 0 and "own" in out and "vpn.example" in out and "mine.example" in out, out, err)
t("  no control character comes through", "\x1b" not in out, out)
rc, out, err = adit("entries", "--json")
t("  as JSON", rc == 0 and [(o["name"], o["owner"], o.get("connection")) for o in json.loads(out)][:3] == [("own", "own", 9), ("office", "own", 7), ("office", "system", None)], out)
rc, out, err = adit("connections")
t("connections", rc == 0 and "1.2M" in out and "10.9.0.2" in out and "IN/s" not in out, out)
rc, out, err = adit("connections", "--json")
t("  as JSON", rc == 0 and json.loads(out)[1]["over"] == 7 and json.loads(out)[0]["bytes_in"] == 1234567, out)
p = start("connections", "--watch", "--json")
first, second = p.stdout.readline(), p.stdout.readline()
p.kill()
p.communicate()
t("  --watch: a line each second, with rates", "rate_in" not in json.loads(first)[0] and json.loads(second)[0]["rate_in"] == 0, first, second)
rc, out, err = adit("interfaces")
t("interfaces, and why one is unreachable", rc == 0 and "unreachable" in out and "did not answer" in out, out)
rc, out, err = adit("interfaces", "--json")
t("  as JSON", rc == 0 and json.loads(out)[0]["packets_dialled"] == 3 and json.loads(out)[0]["persistent"] is False, out)
with open(book, "w") as f:
    f.write("entries:\n  - server: x\n")
rc, out, err = adit("dial", "own")
t("a book that is wrong: file, line and column", rc == 1 and book + ":2:5: an entry without a name" in err and not asked, err)
print("1..%d" % n)
sys.stdout.flush()
os._exit(bad)
