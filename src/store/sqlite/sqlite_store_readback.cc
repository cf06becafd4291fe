#include "store/sqlite/portal_rows.h"
#include "store/sqlite/sqlite_store_calls.h"

namespace imrelay {
namespace {

struct Due {
  MemberId member_id;
  ChatId chat;
  std::int64_t line_key = 0;
  ConnectorId connector;
  LineId line;
};

Result<std::optional<Due>> FindDue(Database& database, TimePoint now) {
  Statement& find = database.Prepare(sql::kReadbackDue);
  Result<bool> row = find.Bind(UnixSeconds(now)).Step();
  if (!row) return Fail(std::move(row).error());
  if (!*row) return std::optional<Due>();
  return std::optional(Due{MemberId(find.Text(0)), ChatId(find.Integer(1)), find.Integer(2),
                           ConnectorId(find.Text(3)), LineId(find.Integer(4))});
}

Status EndOne(Database& database, PortalId portal, ChatId chat, MessageId message) {
  Statement& end = database.Prepare(sql::kReadbackEnd);
  return end.Bind(portal.value()).Bind(chat.value()).Bind(message.value()).Run();
}

// The chat's messages that are alive; the others are dropped.
Result<ReadbackChat> TakeMessages(Database& database, const Due& due, PortalAccess portal) {
  ReadbackChat chat{std::move(portal), {due.connector, due.line, {}}, due.chat, {}};
  std::vector<MessageId> gone;
  Statement& find = database.Prepare(sql::kReadbackMessages);
  find.Bind(chat.portal.id.value()).Bind(due.chat.value()).Bind(due.line_key);
  find.Bind(std::int64_t{kMostReadback});
  while (true) {
    Result<bool> row = find.Step();
    if (!row) return Fail(std::move(row).error());
    if (!*row) break;
    const MessageId message(find.Integer(0));
    if (find.IsNull(2)) {
      gone.push_back(message);
      continue;
    }
    chat.place.external_chat_id = ExternalChatId(find.Text(2));
    if (chat.messages.empty() || chat.messages.back().message != message) {
      chat.messages.push_back({message, {}});
    }
    if (!find.IsNull(1)) chat.messages.back().ids.emplace_back(find.Text(1));
  }
  for (const MessageId message : gone) {
    if (Status ended = EndOne(database, chat.portal.id, chat.chat, message); !ended) {
      return Fail(std::move(ended).error());
    }
  }
  return chat;
}

}  // namespace

Result<std::optional<ReadbackChat>> SqliteStore::TakeReadback(TimePoint now) {
  // Looked at first without writing, because it is asked every second.
  Result<bool> any = ReadSnapshot<bool>([&](Database& database) -> Result<bool> {
    Result<std::optional<Due>> due = FindDue(database, now);
    if (!due) return Fail(std::move(due).error());
    return due->has_value();
  });
  if (!any) return Fail(std::move(any).error());
  if (!*any) return std::optional<ReadbackChat>();
  using Chat = std::optional<ReadbackChat>;
  return Write<Chat>([&](Database& database) -> Result<Chat> {
    Result<std::optional<Due>> due = FindDue(database, now);
    if (!due) return Fail(std::move(due).error());
    if (!*due) return Chat();
    Result<std::optional<PortalAccess>> portal = FindAccessRow(database, (*due)->member_id);
    if (!portal) return Fail(std::move(portal).error());
    if (!*portal) return Chat();
    Result<ReadbackChat> chat = TakeMessages(database, **due, **std::move(portal));
    if (!chat) return Fail(std::move(chat).error());
    return Chat(*std::move(chat));
  });
}

Status SqliteStore::EndReadback(const ReadbackChat& chat, const std::vector<MessageId>& messages) {
  return writer_.Run([&](Database& database) -> Status {
    for (const MessageId message : messages) {
      if (Status ended = EndOne(database, chat.portal.id, chat.chat, message); !ended) return ended;
    }
    return {};
  });
}

Status SqliteStore::PostponeReadback(PortalId portal, TimePoint due) {
  return writer_.Run([&](Database& database) {
    Statement& postpone = database.Prepare(sql::kReadbackPostpone);
    return postpone.Bind(portal.value()).Bind(UnixSeconds(due)).Run();
  });
}

Status SqliteStore::RefuseReadback(PortalId portal, ChatId chat, TimePoint now) {
  return writer_.Run([&](Database& database) -> Status {
    Statement& refuse = database.Prepare(sql::kReadbackRefuse);
    refuse.Bind(portal.value()).Bind(chat.value());
    if (Status done = refuse.Bind(UnixSeconds(now)).Run(); !done) return done;
    Statement& end = database.Prepare(sql::kReadbackEndChat);
    return end.Bind(portal.value()).Bind(chat.value()).Run();
  });
}

Status SqliteStore::DropReadback(PortalId portal) {
  return writer_.Run([&](Database& database) {
    return database.Prepare(sql::kReadbackEndPortal).Bind(portal.value()).Run();
  });
}

Result<ReadbackCounts> SqliteStore::CountReadback(PortalId portal) {
  return ReadSnapshot<ReadbackCounts>([&](Database& database) -> Result<ReadbackCounts> {
    Statement& find = database.Prepare(sql::kReadbackCounts);
    Result<bool> row = find.Bind(portal.value()).Step();
    if (!row) return Fail(std::move(row).error());
    return ReadbackCounts{find.Integer(0), find.Integer(1)};
  });
}

}  // namespace imrelay
