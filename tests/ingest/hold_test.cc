#include "ingest/hold.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>

namespace imrelay {
namespace {

// Passes one event called `name`, and notes what becomes of it.
void Pass(Hold& hold, std::string& seen, const std::string& name) {
  hold.Pass([&seen, name] { seen += " +" + name; }, [&seen, name] { seen += " -" + name; });
}

TEST_CASE("hold: what comes is committed until it is raised, and diverted from then on") {
  Hold hold;
  std::string seen;
  Pass(hold, seen, "a");
  CHECK_FALSE(hold.flag());
  hold.Raise();
  CHECK(hold.flag());
  Pass(hold, seen, "b");
  CHECK(seen == " +a -b");
}

TEST_CASE("hold: what is parked follows in its order when it is let down") {
  Hold hold;
  std::string seen;
  hold.Raise();
  hold.Park();
  Pass(hold, seen, "a");
  Pass(hold, seen, "b");
  CHECK(hold.flag());
  CHECK(seen.empty());
  hold.Release();
  CHECK_FALSE(hold.flag());
  Pass(hold, seen, "c");
  CHECK(seen == " +a +b +c");
}

TEST_CASE("hold: raised anew while events are parked, it stays, and they are diverted") {
  Hold hold;
  std::string seen;
  hold.Raise();
  hold.Park();
  Pass(hold, seen, "a");
  hold.Raise();
  hold.Release();
  CHECK(hold.flag());
  Pass(hold, seen, "b");
  hold.Park();
  Pass(hold, seen, "c");
  hold.Unpark();
  Pass(hold, seen, "d");
  CHECK(seen == " -a -b -c -d");
}

TEST_CASE("hold: what others put into the spool raises it, while events are parked too") {
  bool more = false;
  Hold hold([&more] { return std::exchange(more, false); });
  std::string seen;
  hold.LookAround();
  Pass(hold, seen, "a");
  more = true;
  hold.LookAround();
  CHECK(hold.MayProve(MemberId("m1")));  // nobody knows what it is
  Pass(hold, seen, "b");
  more = true;  // found by who takes it in
  hold.Park();
  hold.LookAround();
  Pass(hold, seen, "c");
  hold.Release();
  hold.LookAround();
  Pass(hold, seen, "d");
  hold.Raise();
  hold.Park();
  Pass(hold, seen, "e");
  more = true;
  hold.LookAround();
  hold.Release();
  Pass(hold, seen, "f");
  CHECK(seen == " +a -b +c +d -e -f");
}

TEST_CASE("hold: only what may wait for an installation is believed possible") {
  Hold hold;
  const MemberId one("m1");
  const MemberId two("m2");
  hold.NoteInstallation(one);
  CHECK_FALSE(hold.MayProve(one));  // nothing waits
  hold.SetDoubt(true);
  CHECK(hold.MayProve(two));
  hold.SetDoubt(false);
  hold.Raise();
  CHECK(hold.MayProve(one));
  CHECK_FALSE(hold.MayProve(two));
  hold.RaiseForOthers();
  CHECK(hold.MayProve(two));
  hold.ForgetInstallations();
  CHECK(hold.MayProve(two));  // something waits
  hold.Park();
  hold.Release();
  hold.ForgetInstallations();
  hold.Raise();
  CHECK_FALSE(hold.MayProve(one));
  CHECK_FALSE(hold.MayProve(two));
  // More than are remembered: everyone.
  for (int i = 0; i < 1000; ++i) hold.NoteInstallation(MemberId(std::to_string(i)));
  CHECK(hold.MayProve(two));
}

}  // namespace
}  // namespace imrelay
