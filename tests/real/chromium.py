"""A headless Chromium that does what a person does: opens pages, clicks, types, and says what it sees.

In: the browser's program. Out: pages, driven by the DevTools protocol over a pipe. Needs nothing but the standard library.
"""
import base64
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time


class Chromium:
    """One browser with one page."""

    def __init__(self, program):
        self.profile = tempfile.mkdtemp()
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                 "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
                 "--force-device-scale-factor=1", "--remote-debugging-pipe", f"--user-data-dir={self.profile}"]
        # The protocol's descriptors are 3 and 4.
        shell = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
        self.process = subprocess.Popen(["bash", "-c", shell, "chromium", program, *flags, "about:blank"],
                                        pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs_in)
        os.close(theirs_out)
        self.reader, self.writer = os.fdopen(ours_in, "rb"), os.fdopen(ours_out, "wb")
        self.numbers, self.rest, self.session = itertools.count(1), b"", None
        self.requests, self.complaints, self.loaded = [], [], False
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log", "DOM"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.writer.write(json.dumps(message).encode() + b"\0")
        self.writer.flush()
        while True:
            answer = self.receive()
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def receive(self):
        while b"\0" not in self.rest:
            piece = os.read(self.reader.fileno(), 1 << 20)
            if not piece:
                raise RuntimeError("the browser went away")
            self.rest += piece
        text, self.rest = self.rest.split(b"\0", 1)
        message = json.loads(text)
        told = message.get("params", {})
        match message.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(told["request"]["url"])
            case "Log.entryAdded":
                self.complaints.append(told["entry"]["text"])
            case "Page.loadEventFired":
                self.loaded = True
            case "Page.javascriptDialogOpening":
                self.complaints.append(f"a dialog: {told['message']}")
        return message

    def wait(self):
        while not self.loaded:
            self.receive()

    def open(self, url):
        """Opens a page; for how many seconds it loaded."""
        begun, self.loaded = time.monotonic(), False
        self.call("Page.navigate", url=url)
        self.wait()
        return time.monotonic() - begun

    def see(self, expression):
        """The value of an expression in the page: what it shows, never what it does."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def click(self, selector, leads=True):
        """Clicks into the middle of an element with the mouse, and waits for the page that it leads to."""
        node = self.call("DOM.querySelector", nodeId=self.call("DOM.getDocument")["root"]["nodeId"], selector=selector)
        if not node["nodeId"]:
            raise RuntimeError(f"{selector} is not in the page")
        self.call("DOM.scrollIntoViewIfNeeded", nodeId=node["nodeId"])
        quad = self.call("DOM.getContentQuads", nodeId=node["nodeId"])["quads"][0]
        at = {"x": (quad[0] + quad[4]) / 2, "y": (quad[1] + quad[5]) / 2, "button": "left", "clickCount": 1}
        self.loaded = False
        self.call("Input.dispatchMouseEvent", type="mousePressed", **at)
        self.call("Input.dispatchMouseEvent", type="mouseReleased", **at)
        if leads:
            self.wait()

    def type(self, selector, text):
        self.click(selector, leads=False)
        self.call("Input.insertText", text=text)

    def scripts(self, run):
        self.call("Emulation.setScriptExecutionDisabled", value=not run)

    def scheme(self, name):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def width(self, pixels, height=900):
        self.call("Emulation.setDeviceMetricsOverride", width=pixels, height=height, deviceScaleFactor=1, mobile=pixels < 600)

    def headers(self, headers):
        self.call("Network.setExtraHTTPHeaders", headers=headers)

    def shoot(self, path):
        """A picture of what is to be seen."""
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def close(self):
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.profile, ignore_errors=True)
