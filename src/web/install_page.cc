#include "web/install_page.h"

#include <kainjow/mustache.hpp>
#include <string_view>

#include "web/page_layout.h"
#include "web/page_sources.h"
#include "web/steps.h"

namespace imrelay {

using kainjow::mustache::data;
using kainjow::mustache::mustache;

Response InstallAnswer(const InstallPage& page) {
  const Language language = page.language;
  const bool done = AllDone(page.steps);
  PageFrame frame;
  frame.language = language;
  frame.title = TextOf(language, "install_title", {page.connector_name});
  frame.ancestor = page.ancestor;
  if (done) frame.script = PageFrame::Script::kInstall;

  data body;
  body.set("title", frame.title);
  body.set("done", done);
  body.set("result", TextOf(language, done ? "install_done" : "install_incomplete"));
  for (const char* key :
       {"install_done_text", "install_finished", "install_no_script", "install_needs_javascript",
        "install_incomplete", "install_incomplete_text", "try_again"}) {
    body.set(key, TextOf(language, key));
  }
  body.set("steps_title", TextOf(language, "steps"));
  body.set("word_done", TextOf(language, "done"));
  body.set("word_failed", TextOf(language, "failed"));
  body.set("path", page.path);
  body.set("page_token", page.page_token);
  body.set("member_id", page.member_id);
  body.set("fields", std::string(page_sources::kFieldsHtml));

  data steps{data::type::list};
  data opened;
  opened.set("done", true);
  opened.set("text", TextOf(language, "opened_by"));
  opened.set("parts", data{data::type::list});
  steps << opened;
  for (const StepGroup& group : GroupSteps(page.steps)) {
    data shown;
    shown.set("done", group.done);
    shown.set("text", SentenceOf(language, group, page.connector_name));
    data parts{data::type::list};
    for (const StepFailure& failure : ExplainFailures(language, group)) {
      data part;
      if (!failure.what.empty()) part.set("what", failure.what);
      part.set("why", failure.why);
      parts << part;
    }
    shown.set("parts", parts);
    steps << shown;
  }
  body.set("steps", steps);
  return PageAnswer(frame, mustache{std::string(page_sources::kInstallHtml)}.render(body));
}

}  // namespace imrelay
