#include "tests/portal/frame.h"

#include <httplib.h>

#include <string>
#include <utility>

#include "codec/form.h"
#include "tests/portal/life.h"
#include "tests/portal/parameters.h"

namespace imrelay::stand_in {
namespace {

// The calls go by postMessage to the portal's page, whose origin and key stand in the frame's name,
// "DOMAIN|PROTOCOL|APP_SID", as in the real one.
constexpr const char* kBx24 = R"js((function () {
  var parts = window.name.split('|');
  var origin = (parts[1] === '1' ? 'https://' : 'http://') + parts[0];
  var waiting = {}, next = 1, told = null;
  function call(name, data, done) {
    var id = next++;
    waiting[id] = done || function () {};
    window.parent.postMessage({bx24: name, sid: parts[2], id: id, data: data || null}, origin);
  }
  window.addEventListener('message', function (event) {
    if (event.origin !== origin || !event.data || !event.data.bx24Answer) return;
    var done = waiting[event.data.bx24Answer];
    delete waiting[event.data.bx24Answer];
    if (done) done(event.data.data);
  });
  window.BX24 = {
    init: function (done) {
      call('init', null, function (data) { told = data; if (done) done(); });
    },
    installFinish: function () { call('installFinish'); },
    fitWindow: function (done) {
      call('resize', {height: document.documentElement.scrollHeight}, done);
    },
    resizeWindow: function (width, height, done) { call('resize', {height: height}, done); },
    getLang: function () { return told ? told.lang : ''; },
    getDomain: function () { return parts[0]; },
    isAdmin: function () { return !!told && told.admin; },
    placement: {
      info: function () { return told ? {placement: told.placement, options: told.options} : null; }
    }
  };
})();
)js";

constexpr const char* kFrameScript = R"js((function () {
  var told = JSON.parse(document.getElementById('told').textContent);
  var frame = document.querySelector('iframe');
  window.addEventListener('message', function (event) {
    var call = event.data;
    if (event.source !== frame.contentWindow || !call || call.sid !== told.sid) return;
    function answer(data) {
      event.source.postMessage({bx24Answer: call.id, data: data}, event.origin);
    }
    if (call.bx24 === 'init') return answer(told);
    if (call.bx24 === 'resize') {
      frame.style.height = Math.max(200, call.data.height) + 'px';
      return answer(null);
    }
    if (call.bx24 !== 'installFinish') return;
    fetch('/frame/finish', {method: 'POST', body: JSON.stringify({sid: told.sid})})
      .then(function (done) {
        document.body.dataset.installed = done.ok ? 'Y' : 'N';
        answer(null);
      });
  });
  document.querySelector('form').submit();
})();
)js";

std::string Escaped(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

// JSON that may stand in a script element.
std::string ScriptSafe(std::string json) {
  for (std::size_t at = 0; (at = json.find('<', at)) != json.npos; at += 6) {
    json.replace(at, 1, "\\u003c");
  }
  return json;
}

struct FramedPage {
  std::string address;  // of the application's page
  PhpValue fields;      // of Open()
  Opening opening;
  std::string width;  // of the frame, CSS
};

std::string Html(const FramedPage& page) {
  const PhpValue& query = *page.fields.Find("query");
  const std::string sid = query.Find("APP_SID")->Text();
  const std::string name =
      query.Find("DOMAIN")->Text() + '|' + query.Find("PROTOCOL")->Text() + '|' + sid;
  const char* joint = page.address.find('?') == page.address.npos ? "?" : "&";
  const std::string& options = page.opening.options;
  const Result<Tree> read = ParseJson(options);
  const PhpValue told = PhpValue::Map({{"sid", sid},
                                       {"lang", page.opening.language},
                                       {"admin", page.opening.admin},
                                       {"placement", page.opening.placement},
                                       {"options", read ? PhpValue::Of(*read) : PhpValue()}});
  std::string html = "<!DOCTYPE html>\n<html lang=\"" + Escaped(page.opening.language) +
                     "\">\n<head><meta charset=\"utf-8\"><title>Bitrix24 (a stand-in)</title>\n"
                     "<meta name=\"viewport\" content=\"width=device-width\">\n"
                     "<style>body{margin:0;background:#eef2f4;font:14px sans-serif}"
                     "header{background:#2067b0;color:#fff;padding:12px}"
                     "iframe{display:block;border:0;background:#fff;height:600px;width:" +
                     Escaped(page.width) +
                     "}</style></head>\n<body>\n<header>Bitrix24 (a stand-in)</header>\n";
  html += "<form method=\"post\" target=\"" + Escaped(name) + "\" action=\"" +
          Escaped(page.address + joint + query.BuildQuery()) + "\">\n";
  for (const auto& [field, value] : page.fields.Find("body")->items()) {
    html += "<input type=\"hidden\" name=\"" + Escaped(field) + "\" value=\"" +
            Escaped(value.Text()) + "\">\n";
  }
  html += "</form>\n<iframe name=\"" + Escaped(name) + "\" title=\"Application\"></iframe>\n";
  html += "<script type=\"application/json\" id=\"told\">" + ScriptSafe(told.ToJson()) +
          "</script>\n<script>" + kFrameScript + "</script>\n</body>\n</html>\n";
  return html;
}

Opening OpeningOf(const Tree& values, const Portal& portal) {
  Opening opening;
  opening.user_id = Number(values, "user_id", 1);
  opening.admin = Flag(values, "admin", true);
  opening.language = Text(values, "language", portal.language);
  opening.current_cloud = Flag(values, "current_cloud", true);
  opening.placement = Text(values, "placement", "DEFAULT");
  opening.options = Text(values, "options");
  return opening;
}

std::string WidthOf(const Tree& values) {
  const std::int64_t width = Number(values, "width", 0);
  return width > 0 ? std::to_string(width) + "px" : "100%";
}

// The page asked for; the reason why there is none in `refused`.
FramedPage InstallPage(Cloud& cloud, Portal& portal, const Tree& values, std::string& refused) {
  const std::string client_id = Text(values, "client_id");
  if (cloud.FindInstallation(portal, client_id) == nullptr) {
    NewInstallation wanted;
    wanted.client_id = client_id;
    wanted.with_page = true;
    wanted.user_id = Number(values, "user_id", 1);
    Install(cloud, portal, wanted);
  }
  FramedPage page;
  page.address = Text(values, "page");
  if (page.address.empty()) refused = "page, the address of the application's page, is missing";
  page.opening = OpeningOf(values, portal);
  return page;
}

FramedPage SettingsPage(Cloud& cloud, Portal& portal, const Tree& values, std::string& refused) {
  FramedPage page;
  const auto found = portal.connectors.find(ToLower(Text(values, "connector")));
  if (found == portal.connectors.end()) {
    refused = "this connector is not registered";
    return page;
  }
  page.address = Text(values, "page", cloud.sender.ReachableUrl(found->second.placement_handler));
  page.opening = OpeningOf(values, portal);
  page.opening.placement = "SETTING_CONNECTOR";
  if (page.opening.options.empty()) {
    page.opening.options = SettingOptions(portal, found->first, Number(values, "line", 0));
  }
  return page;
}

using MakePage = FramedPage (*)(Cloud&, Portal&, const Tree&, std::string&);

void Give(Cloud& cloud, MakePage make, const httplib::Request& request,
          httplib::Response& response) {
  const std::size_t mark = request.target.find('?');
  const Result<Tree> values =
      ParseForm(mark == std::string::npos ? "" : request.target.substr(mark + 1));
  std::string refused;
  const std::string member_id = values ? Text(*values, "member_id") : std::string();
  if (member_id.empty()) refused = "member_id is missing";
  const std::lock_guard lock(cloud.mutex);
  if (refused.empty()) {
    Portal& portal = cloud.PortalOf(member_id);
    FramedPage page = make(cloud, portal, *values, refused);
    if (refused.empty()) {
      Installation& installation = cloud.InstallationOf(portal, Text(*values, "client_id"));
      page.width = WidthOf(*values);
      page.fields = Open(cloud, portal, installation, page.opening);
      return response.set_content(Html(page), "text/html; charset=utf-8");
    }
  }
  response.status = 400;
  response.set_content(refused + "\n", "text/plain");
}

bool Finish(Cloud& cloud, const std::string& body) {
  const Result<Tree> values = ParseJson(body);
  const std::lock_guard lock(cloud.mutex);
  const auto opened = values ? cloud.opened.find(Text(*values, "sid")) : cloud.opened.end();
  if (opened == cloud.opened.end() || !opened->second.admin) return false;
  Portal& portal = cloud.PortalOf(opened->second.member_id);
  Installation* installation = cloud.FindInstallation(portal, opened->second.client_id);
  if (installation == nullptr) return false;
  FinishInstallation(cloud, portal, *installation);
  return true;
}

}  // namespace

void ServeFrames(Cloud& cloud, httplib::Server& server) {
  server.Get("/frame/install", [&cloud](const auto& request, auto& response) {
    Give(cloud, InstallPage, request, response);
  });
  server.Get("/frame/settings", [&cloud](const auto& request, auto& response) {
    Give(cloud, SettingsPage, request, response);
  });
  server.Post("/frame/finish", [&cloud](const auto& request, auto& response) {
    response.status = Finish(cloud, request.body) ? 200 : 403;
    response.set_content("{}", "application/json");
  });
}

void ServeBx24(httplib::Server& server) {
  server.Get("/api/v1/?", [](const auto&, auto& response) {
    response.set_content(kBx24, "text/javascript; charset=utf-8");
  });
}

}  // namespace imrelay::stand_in
