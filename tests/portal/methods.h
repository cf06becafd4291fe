#pragma once

#include <string>

#include "codec/tree.h"
#include "tests/portal/cloud.h"

namespace imrelay::stand_in {

// Who makes a call: a user of a portal through an application.
struct Caller {
  Cloud& cloud;
  Portal& portal;
  Installation& installation;
  std::int64_t user_id = 0;
  bool admin = false;
  std::string scope;  // the token's
};

// A REST method's answer to a caller who may use it.
using Method = Reply (*)(Caller& caller, const Tree& parameters);

// What a method asks of its caller before it is run.
struct MethodRule {
  Method method = nullptr;
  const char* scope = "";  // "": any
  bool admin = false;
};

// Null when there is no such method. Names count without regard to case.
const MethodRule* FindMethod(const std::string& name);

// Whether a list like "imconnector, imopenlines" names a scope.
bool HasScope(const std::string& scopes, std::string_view wanted);

// event_methods.cc
Reply EventBind(Caller& caller, const Tree& parameters);
Reply EventUnbind(Caller& caller, const Tree& parameters);
Reply EventGet(Caller& caller, const Tree& parameters);
Reply EventTest(Caller& caller, const Tree& parameters);

// connector_methods.cc
Reply ConnectorRegister(Caller& caller, const Tree& parameters);
Reply ConnectorUnregister(Caller& caller, const Tree& parameters);
Reply ConnectorActivate(Caller& caller, const Tree& parameters);
Reply ConnectorDataSet(Caller& caller, const Tree& parameters);
Reply ConnectorStatus(Caller& caller, const Tree& parameters);
Reply ConnectorList(Caller& caller, const Tree& parameters);
Reply ConnectorSetError(Caller& caller, const Tree& parameters);
Reply ChatNameSet(Caller& caller, const Tree& parameters);

// message_methods.cc
Reply SendMessages(Caller& caller, const Tree& parameters);
Reply UpdateMessages(Caller& caller, const Tree& parameters);
Reply DeleteMessages(Caller& caller, const Tree& parameters);
Reply StatusDelivery(Caller& caller, const Tree& parameters);
Reply StatusReading(Caller& caller, const Tree& parameters);
Reply DialogMessages(Caller& caller, const Tree& parameters);
Reply MessageAdd(Caller& caller, const Tree& parameters);

}  // namespace imrelay::stand_in
