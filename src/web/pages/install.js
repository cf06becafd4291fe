// The end of an installation: Bitrix24 takes it from its own script only, and once.
(function () {
  "use strict";
  function show(id) {
    // One live region tells everything, so that a screen reader reads what comes.
    document.getElementById("finish").textContent = document.getElementById(id).textContent;
  }
  var settled = false;
  function fail() {
    if (settled) return;
    var outcome = document.getElementById("outcome");
    outcome.className = "card bad";
    document.getElementById("result").textContent = outcome.dataset.incomplete;
    show("no-script");
    document.getElementById("retry").hidden = false;
  }
  if (typeof BX24 === "undefined") {
    fail();
    return;
  }
  // BX24.init waits for an answer of the page around; there is none outside Bitrix24.
  setTimeout(fail, 15000);
  BX24.init(function () {
    settled = true;
    BX24.installFinish();
    show("finished");
  });
})();
