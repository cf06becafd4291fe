"""The pages in a real browser, in the frame of a stand-in Bitrix24."""

import http.server
import threading
import unittest
from urllib.parse import urlencode

from browser import Browser, By, Keys, ScriptServer
from pages import CONNECTOR, LINE, PagesTest, field
from stack import wait_for

NARROW, WIDE = 360, 1000
HEIGHT = 1400


class Pages(PagesTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.scripts = ScriptServer(cls.stand_in)
        cls.addClassCleanup(cls.scripts.stop)
        cls.browser = Browser(cls.scripts.port)
        cls.addClassCleanup(cls.browser.stop)
        cls.driver = cls.browser.driver

    def setUp(self):
        self.scripts.broken = False
        self.browser.messages()

    # --- what a person does and sees

    def open_frame(self, frame, portal, width=WIDE, **values):
        """Opens the portal's page, and looks into the application's frame."""
        self.browser.set_size(width, HEIGHT)
        query = {"member_id": portal.member_id, **values}
        if frame == "install":
            query.setdefault("page", f"{self.url}/bitrix24/install")
        else:
            query.update(connector=CONNECTOR, line=LINE)
        self.driver.switch_to.default_content()
        self.driver.get(f"{self.stand_in.portals_url}/frame/{frame}?{urlencode(query)}")
        self.grow_frame()
        self.wait_for_page("h1")

    def grow_frame(self):
        """As tall as the window, so that a screenshot shows all of it."""
        self.driver.switch_to.default_content()
        frame = self.driver.find_element(By.TAG_NAME, "iframe")
        self.driver.execute_script(
            f"arguments[0].style.height = '{HEIGHT - 50}px'", frame)
        self.driver.switch_to.frame(frame)

    def wait_for_page(self, css):
        return wait_for(lambda: self.find(css), 60, f"{css} on the page")

    def find(self, css):
        found = self.driver.find_elements(By.CSS_SELECTOR, css)
        return found[0] if found else None

    def text(self):
        body = self.find("body")
        return body.text if body else ""

    def wait_for_text(self, *texts):
        def shown():
            try:
                return all(text in self.text() for text in texts)
            except Exception:  # the page changes while it is read
                return False
        try:
            wait_for(shown, 60, f"{texts}")
        except AssertionError:
            self.fail(f"{texts} is not in: {self.text()}")

    def press_keys_to(self, action):
        """Walks to a button with the Tab key, and presses it with Enter."""
        self.driver.execute_script("document.activeElement && document.activeElement.blur()")
        for _ in range(30):
            self.driver.switch_to.active_element.send_keys(Keys.TAB)
            focused = self.driver.switch_to.active_element
            if focused.get_attribute("value") == action:
                outline = focused.value_of_css_property("outline-style")
                self.assertEqual(outline, "solid", "the focus is not visible")
                focused.send_keys(Keys.ENTER)
                return
        self.fail(f"no way to the button {action} by keyboard")

    def is_installed(self, portal):
        return self.stand_in.state(portal.member_id)["installations"][0]["installed"]

    def check_page(self, name, width):
        """Nothing is cut off at the side; kept to be looked at."""
        overflow = self.driver.execute_script(
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth")
        self.assertLessEqual(overflow, 0, f"{name} is wider than {width} px")
        self.browser.keep_screenshot(name)

    def check_quiet(self):
        self.assertEqual(self.browser.messages(), [])

    # --- the tests

    def install(self, language, texts, width):
        portal = self.new_portal()
        # As often as upkeep tries it beside the page.
        self.stand_in.fault("imconnector.register", "ACCESS_DENIED", member_id=portal.member_id)

        self.open_frame("install", portal, width, language=language)
        self.wait_for_text(texts["incomplete"])
        self.check_page(f"install-incomplete-{language}-{width}", width)
        self.assertFalse(self.is_installed(portal))
        self.stand_in.fault("imconnector.register", "none", member_id=portal.member_id)
        self.press_keys_to("install")
        self.wait_for_text(texts["finished"])

        wait_for(lambda: self.is_installed(portal), what="installFinish")
        self.check_page(f"install-done-{language}-{width}", width)
        self.assertEqual(self.find("html").get_attribute("lang"), language)
        self.check_quiet()
        return portal

    def use_settings(self, portal, language, texts, width):
        self.open_frame("settings", portal, width, language=language)
        self.wait_for_text(texts["off"])
        self.check_page(f"settings-off-{language}-{width}", width)
        self.press_keys_to("connect")
        self.wait_for_text(texts["connected"])
        wait_for(lambda: (self.line_of(portal) or {}).get("active"), what="an active line")
        for _ in range(3):
            number = self.stand_in.send(portal.member_id, CONNECTOR, "Guten Tag", LINE)
            self.stand_in.confirm(portal.member_id, number, f"ext-{number}")
            self.stand_in.delete(portal.member_id, number)
        wait_for(lambda: len(self.stack.sql(
            "SELECT * FROM messages WHERE deleted_at IS NOT NULL AND member_id = "
            f"'{portal.member_id}'")) == 3, what="the deletions")

        self.press_keys_to("test")
        self.wait_for_text(texts["arrived"])
        self.wait_for_text(str(number), f"ext-{number}")
        self.check_page(f"settings-on-{language}-{width}", width)
        self.check_quiet()

    def test_english(self):
        portal = self.install("en", {
            "incomplete": "Not everything could be set up yet",
            "finished": "Bitrix24 has been told that the installation is complete."}, WIDE)
        self.use_settings(portal, "en", {
            "off": "Not connected", "connected": "Line 107 is connected.",
            "arrived": "The test event has arrived"}, WIDE)

    def test_russian_on_a_narrow_screen(self):
        portal = self.install("ru", {
            "incomplete": "Пока удалось настроить не всё",
            "finished": "Битрикс24 извещён, что установка завершена."}, NARROW)
        self.use_settings(portal, "ru", {
            "off": "Не подключена", "connected": "Линия 107 подключена.",
            "arrived": "Тестовое событие получено"}, NARROW)

    def test_english_on_a_narrow_screen(self):
        portal = self.installed_portal()
        self.open_frame("settings", portal, NARROW)
        self.wait_for_text("Connect line 107")
        self.check_page(f"settings-off-en-{NARROW}", NARROW)
        self.check_quiet()

    def test_without_bitrix24s_script_it_is_said_and_tried_again(self):
        portal = self.new_portal()
        self.scripts.broken = True
        self.open_frame("install", portal)
        self.wait_for_text("Not everything could be set up yet", "own script could not be loaded")
        self.check_page("install-no-script-en", WIDE)
        self.assertFalse(self.is_installed(portal))
        self.browser.messages()

        self.scripts.broken = False
        self.press_keys_to("install")

        wait_for(lambda: self.is_installed(portal), what="installFinish")
        self.check_quiet()

    def test_a_reloaded_installation_says_that_it_is_installed(self):
        for language, width, text in (("en", WIDE, "The application is installed"),
                                      ("ru", NARROW, "Приложение установлено")):
            portal = self.new_portal()
            self.open_frame("install", portal, width, language=language)
            wait_for(lambda: self.is_installed(portal), what="installFinish")

            self.driver.execute_script("location.reload()")

            self.wait_for_text(text)
            self.check_page(f"install-reloaded-{language}-{width}", width)
            self.check_quiet()

    def test_the_applications_own_page_lists_the_lines(self):
        portal = self.installed_portal()
        self.act("settings", self.open_settings(portal), "connect")

        self.open_frame("install", portal, NARROW, page=f"{self.url}/bitrix24/settings")

        self.wait_for_text("Lines", "Line 107", "connected")
        self.check_page(f"settings-own-page-en-{NARROW}", NARROW)
        self.check_quiet()

    def test_a_dead_portal_says_what_to_do(self):
        portal = self.installed_portal()
        self.open_frame("settings", portal, NARROW)
        self.stand_in.revoke(portal.member_id)

        self.press_keys_to("test")

        self.wait_for_text("No access", "could not be asked for a test event")
        self.check_page(f"settings-dead-en-{NARROW}", NARROW)
        self.check_quiet()

    def test_an_outdated_page_says_so_in_its_frame(self):
        portal = self.new_portal()
        other_page = field(self.open_page("install", portal).body.decode(), "page_token")
        self.stand_in.control("finish", member_id=portal.member_id)
        self.open_frame("settings", portal)
        self.driver.execute_script(
            "for (const f of document.getElementsByName('page_token')) f.value = arguments[0]",
            other_page)

        self.press_keys_to("connect")

        self.wait_for_text("open the application again in Bitrix24")
        self.check_page("settings-outdated-en", WIDE)
        self.assertFalse((self.line_of(portal) or {}).get("active"))
        # The status of the answer is all that the console tells.
        self.assertEqual([m for m in self.browser.messages() if "403" not in m], [])

    def test_nobody_else_can_have_the_pages_in_a_frame(self):
        portal = self.installed_portal()
        for page in ("install", "settings"):
            opening = self.opening(portal, placement="SETTING_CONNECTOR", connector=CONNECTOR,
                                   line=LINE)
            with ForeignSite(self.url, page, opening) as site:
                self.driver.switch_to.default_content()
                self.driver.get(site.url)
                self.driver.switch_to.frame(self.driver.find_element(By.TAG_NAME, "iframe"))
                refused = wait_for(
                    lambda: [m for m in self.browser.messages() if "frame-ancestors" in m], 60,
                    "the browser's refusal")
                self.assertIn(self.stand_in.portals_url, refused[0])
                self.assertIsNone(self.find("main"))


class ForeignSite:
    """A site of somebody else that has our page in a frame, with a real opening."""

    def __init__(self, service, page, opening):
        fields = "".join(
            f'<input name="{name}" value="{str(value).replace(chr(34), "&quot;")}">'
            for name, value in opening["body"].items())
        action = f"{service}/bitrix24/{page}?{urlencode(opening['query'])}"
        html = (f'<form method="post" target="f" action="{action}">{fields}</form>'
                '<iframe name="f"></iframe><script>document.forms[0].submit()</script>').encode()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200 if self.path == "/" else 404)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                if self.path == "/":
                    self.wfile.write(html)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)


if __name__ == "__main__":
    unittest.main()
