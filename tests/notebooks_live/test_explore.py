"""explore.ipynb in a real JupyterLab: opened, run, a widget moved, and the picture changes."""

from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("selenium", reason="selenium (the extra `test`) is not installed")

from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from losslab.study.notebooks import find_template
from tests.notebooks_live.lab import chromium, jupyter_lab, missing_programs

if missing_programs():
    pytest.skip(f"notebooks are not checked live: {missing_programs()}", allow_module_level=True)

PICTURES = ".losslab-page img"
ERRORS = "[data-mime-type='application/vnd.jupyter.error']"


READY = """
const app = window.jupyterapp, panel = app?.shell.currentWidget;
const kernel = panel?.sessionContext?.session?.kernel;
return kernel?.connectionStatus === "connected" && kernel.status === "idle"
    && panel.content.widgets.length > 1 && app.commands.isEnabled("notebook:run-all-cells");
"""
"""Whether the notebook is open and its kernel waits for work."""


class Page:
    """The notebook in the browser, as far as the tests look at it."""

    def __init__(self, driver: Chrome):
        self.driver = driver

    def wait(self, what: str, true: Callable[[], object], seconds: float = 60) -> None:
        """Until it is true; an error of a cell ends the waiting."""

        def happened(_: Chrome) -> bool:
            shown = [element.text for element in self.driver.find_elements(By.CSS_SELECTOR, ERRORS)]
            assert not shown, f"a cell failed while {what}:\n{shown[0]}"
            return bool(true())

        WebDriverWait(self.driver, seconds, 0.1).until(happened, f"{what}: waited {seconds} s")

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def wait_for_text(self, what: str, text: str) -> None:
        """Until an output holds these words."""
        self.wait(what, lambda: text in self.text())

    def pictures(self) -> list[str]:
        """What is drawn, as the addresses of its tiles."""
        script = "return [...document.querySelectorAll(arguments[0])].map(one => one.src)"
        return self.driver.execute_script(script, PICTURES)

    def text(self) -> str:
        """The words of all outputs."""
        return "\n".join(element.text for element in self.all(".jp-OutputArea-output"))

    def control(self, label: str) -> WebElement:
        """The widget with this description."""
        path = f"//*[contains(@class, 'widget-label') and normalize-space()='{label}']/.."
        return self.driver.find_element(By.XPATH, path)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """explore.ipynb with all its cells run."""
    folder = tmp_path_factory.mktemp("live")
    with jupyter_lab(folder, [find_template("explore")]) as lab, chromium(folder) as driver:
        driver.get(lab.url("lab/tree/explore.ipynb"))
        page = Page(driver)
        try:
            page.wait("starting the kernel", lambda: driver.execute_script(READY), 180)
            driver.execute_script("jupyterapp.commands.execute('notebook:run-all-cells')")
            page.wait("running the cells", page.pictures, 300)
            drawn = "return document.querySelectorAll('.jp-RenderedImage img').length"
            page.wait("drawing the figures", lambda: driver.execute_script(drawn) == 7, 300)
            yield page
        finally:
            driver.save_screenshot(folder / "explore.png")


def test_moving_the_slider_changes_the_picture(page: Page) -> None:
    before = page.pictures()
    assert len(before) == 3 + 3 * 2  # image, label, where they differ; three of each loss
    assert "1 of 8." in page.text()
    page.control("picture").find_element(By.CSS_SELECTOR, ".noUi-handle").send_keys(
        Keys.ARROW_RIGHT
    )
    page.wait_for_text("moving the slider", "2 of 8.")
    after = page.pictures()
    assert len(after) == len(before)
    assert all(one != other for one, other in zip(before, after, strict=True))


def test_the_buttons_go_on_and_back(page: Page) -> None:
    here = page.pictures()
    place = int(page.control("picture").find_element(By.CSS_SELECTOR, ".widget-readout").text)
    for word, expected in (("next", place + 1), ("previous", place)):
        page.driver.find_element(By.XPATH, f"//button[normalize-space()='{word}']").click()
        page.wait_for_text(f"going to the {word} one", f"{expected} of 8.")
    assert page.pictures() == here


def test_another_order_starts_with_the_picture_that_is_first_there(page: Page) -> None:
    order = Select(page.control("sort by").find_element(By.CSS_SELECTOR, "select"))
    order.select_by_visible_text("pixels predicted differently")
    page.wait_for_text("sorting by pixels", "1 of 8.")
    order.select_by_visible_text("as in the test set")
    page.wait_for_text("sorting as in the test set", "test_00000, 1 of 8.")


def test_a_folder_without_runs_is_a_sentence_in_place_of_the_picture(page: Page) -> None:
    field = page.control("folder").find_element(By.CSS_SELECTOR, "input")
    runs = field.get_attribute("value") or ""
    field.clear()
    field.send_keys("/no/such/folder", Keys.ENTER)
    page.wait_for_text("opening no folder", "no finished run in /no/such/folder")
    assert page.pictures() == []
    field.clear()
    field.send_keys(runs, Keys.ENTER)
    page.wait_for_text("opening the folder again", "1 of 8.")
    assert page.pictures()
