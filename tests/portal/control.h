#pragma once

#include <string>

#include "codec/tree.h"
#include "tests/portal/cloud.h"

namespace imrelay::stand_in {

// The control calls, by name; see README.md. Answers 404 for a name that is none, 400 for wrong
// values, 404 for a portal, application or message that is not there.
Reply Control(Cloud& cloud, const std::string& name, const Tree& values);

// GET /control/portal?member_id=…: all that there is in a portal, without tokens.
Reply DescribePortal(Cloud& cloud, const std::string& member_id);

// GET /control/log.
PhpValue DescribeLog(const Cloud& cloud);

}  // namespace imrelay::stand_in
