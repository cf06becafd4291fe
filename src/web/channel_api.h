#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "codec/tree.h"
#include "domain/ids.h"
#include "domain/served_lines.h"
#include "store/channel_store.h"
#include "store/store.h"
#include "web/channel_input.h"
#include "web/http.h"
#include "web/request_pool.h"

namespace imrelay {

// A configured channel, as its service may call us.
struct ChannelCaller {
  std::string name;  // "" is the unnamed one, which has every line that no other has
  Secret key;        // empty: nobody can call for it
  ServedLines lines;
};

// What the channel's service asks of us, below /channel/v1/; docs/channel-api.md tells it. Every
// request proves by `Authorization: Bearer KEY` which channel's service it is, and reaches that
// channel's lines only. Answers when what was asked is on disk, from the pool's threads. Counts
// imrelay_channel_requests_total and logs one line a request. Thread-safe.
class ChannelApi {
 public:
  // `callers` in the order in which they are tried for a line, the unnamed one last; no two have
  // one key. `connector` is the one that a request means which names none. Keeps references; the
  // pool is stopped before this goes.
  ChannelApi(std::vector<ChannelCaller> callers, ConnectorId connector, ChannelStore& channels,
             Store& store, RequestPool& pool, const Clock& clock);

  void Handle(const Request& request, Reply reply);

 private:
  struct Asked;

  const ChannelCaller* FindCaller(const Request& request) const;
  const ChannelCaller& CallerOf(const MemberId& portal, const ConnectorId& connector,
                                LineId line) const;
  // Answers, perhaps with an error.
  Result<Response> Answer(const Asked& asked);
  Result<Response> PostMessage(const Asked& asked, std::string_view kind);
  Result<Response> PostIds(const Asked& asked);
  Result<Response> FindMessages(const Asked& asked);
  Result<Response> FindDelivery(const Asked& asked);
  struct Line {
    MemberId portal;
    ConnectorId connector;
    LineId line;
  };
  Result<Line> LineOf(const Asked& asked, const Tree& body);
  Result<MemberId> OnlyPortal();
  Result<ChannelRequest> IdentityOf(const Asked& asked) const;
  bool IsOwn(const Asked& asked, const Table& table, std::size_t row) const;

  const std::vector<ChannelCaller> callers_;
  const ConnectorId connector_;
  ChannelStore& channels_;
  Store& store_;
  RequestPool& pool_;
  const Clock& clock_;
};

}  // namespace imrelay
