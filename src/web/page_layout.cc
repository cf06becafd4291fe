#include "web/page_layout.h"

#include <algorithm>
#include <kainjow/mustache.hpp>

#include "base/utf8.h"
#include "codec/page_opening.h"
#include "web/page_sources.h"

namespace imrelay {
namespace {

using kainjow::mustache::data;
using kainjow::mustache::mustache;

// Bitrix24 takes the end of an installation from this script only. Source: b24restdocs,
// settings/app-installation/installation-finish.md.
constexpr std::string_view kBitrix24Script = "https://api.bitrix24.com/api/v1/";

std::string_view ScriptOf(PageFrame::Script script) {
  switch (script) {
    case PageFrame::Script::kNone:
      return {};
    case PageFrame::Script::kInstall:
      return page_sources::kInstallJs;
    case PageFrame::Script::kSettings:
      return page_sources::kSettingsJs;
  }
  return {};
}

std::string PolicyOf(const PageFrame& frame) {
  std::string policy = "default-src 'none'; style-src ";
  policy += page_sources::kPageCssHash;
  if (frame.script == PageFrame::Script::kInstall) {
    policy.append("; script-src ").append(kBitrix24Script).append(" ");
    policy += page_sources::kInstallJsHash;
  }
  if (frame.script == PageFrame::Script::kSettings) {
    policy.append("; script-src ").append(page_sources::kSettingsJsHash);
    policy += "; connect-src 'self'";
  }
  policy += "; form-action 'self'; base-uri 'none'; frame-ancestors ";
  policy += frame.ancestor.empty() ? "'none'" : frame.ancestor;
  return policy;
}

}  // namespace

Response PageAnswer(const PageFrame& frame, const std::string& body) {
  data page;
  page.set("language", std::string(LanguageCode(frame.language)));
  page.set("title", frame.title);
  page.set("style", std::string(page_sources::kPageCss));
  page.set("body", body);
  page.set("bitrix24_script", frame.script == PageFrame::Script::kInstall);
  if (const std::string_view script = ScriptOf(frame.script); !script.empty()) {
    page.set("script", std::string(script));
  }
  mustache layout{std::string(page_sources::kLayoutHtml)};

  Response response;
  response.status = frame.status;
  response.content_type = "text/html; charset=utf-8";
  response.body = ReplaceInvalidUtf8(layout.render(page));
  response.headers = {{"Content-Security-Policy", PolicyOf(frame)},
                      {"Referrer-Policy", "no-referrer"},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Cache-Control", "no-store"}};
  return response;
}

Response NoticeAnswer(const PageFrame& frame, const std::string& text) {
  data notice;
  notice.set("title", frame.title);
  notice.set("text", text);
  notice.set("bad", frame.status != 200);
  return PageAnswer(frame, mustache{std::string(page_sources::kNoticeHtml)}.render(notice));
}

std::string OriginOf(std::string_view client_endpoint) {
  const std::size_t scheme = client_endpoint.find("://");
  if (scheme == std::string_view::npos) return {};
  const std::string_view name = client_endpoint.substr(0, scheme);
  if (name != "https" && name != "http") return {};
  const std::size_t begin = scheme + 3;
  const std::size_t end = std::min(client_endpoint.find('/', begin), client_endpoint.size());
  const std::string_view host = client_endpoint.substr(begin, end - begin);
  // What stands in a header may end neither its source nor its directive, and match one host only.
  constexpr std::string_view kHostCharacters = "abcdefghijklmnopqrstuvwxyz0123456789.-:[]";
  if (host.empty() || host.find_first_not_of(kHostCharacters) != std::string_view::npos) return {};
  return std::string(client_endpoint.substr(0, end));
}

Response PageProbeAnswer(std::string_view query) {
  PageFrame frame;
  frame.language = LanguageOf(LanguageAskedFor(query));
  frame.title = TextOf(frame.language, "probe_title");
  return NoticeAnswer(frame, TextOf(frame.language, "probe_text"));
}

}  // namespace imrelay
