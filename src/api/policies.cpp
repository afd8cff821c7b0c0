#include <algorithm>

#include "api/input.hpp"
#include "api/resources.hpp"
#include "api/views_json.hpp"
#include "base/text.hpp"

namespace entropy::api {
namespace {

std::string etag_of(const control::PolicyView& view) { return concat("\"", view.record.revision, "\""); }

Response policy_response(const control::PolicyView& view, unsigned status = 200) {
  Response response = json_response(to_json_in_detail(view), status);
  response.headers.emplace_back("ETag", etag_of(view));
  if (status == 201) {
    response.headers.emplace_back("Location", concat("/v1/policies/", percent_encode(view.record.policy.name)));
  }
  return response;
}

Response policy_or_problem(const Result<control::PolicyView>& view) {
  return view ? policy_response(*view) : problem(view.error());
}

Read<policy::Draft> read_draft(const Call& call) {
  const auto value = read_json(call.request);
  if (!value) return std::unexpected(value.error());
  auto draft = policy::draft_from_json(*value);
  if (!draft) return std::unexpected(problem(draft.error()));
  return std::move(*draft);
}

// If-Match (RFC 9110, section 13.1.1): the revision that the caller thinks is there; none if it doesn't care.
Result<std::optional<std::uint64_t>> expected_revision(const Call& call, const std::string& name) {
  const std::string_view header = call.request.header("If-Match");
  if (header.empty()) return std::nullopt;
  const auto view = call.service->policy(name);
  if (!view) return fail(ErrorCode::precondition, concat("there is no policy ", quoted(name), " to match ", header));
  const auto matches = [&](std::string_view tag) { return trim(tag) == "*" || trim(tag) == etag_of(*view); };
  if (std::ranges::any_of(split(header, ','), matches)) return view->record.revision;
  return fail(ErrorCode::precondition, concat("the policy ", quoted(name), " is at revision ", view->record.revision,
                                              ", not at ", header, ": somebody else changed it"));
}

}  // namespace

Response list_policies(const Call& call) { return json_response(to_json(call.service->policies())); }

boost::asio::awaitable<Response> create_policy(Call call) {
  auto draft = read_draft(call);
  if (!draft) co_return draft.error();
  const auto created = call.service->create_policy(std::move(*draft), call.caller);
  if (!created) co_return problem(created.error());
  const std::string name = created->record.policy.name;
  const auto view = co_await call.service->settled(name);
  co_return view ? policy_response(*view, 201) : problem(view.error());
}

Response get_policy(const Call& call) { return policy_or_problem(call.service->policy(call.args[0])); }

boost::asio::awaitable<Response> put_policy(Call call) {
  const std::string name = call.args[0];
  auto draft = read_draft(call);
  if (!draft) co_return draft.error();
  if (draft->policy.name.empty()) draft->policy.name = name;
  if (draft->policy.name != name) {
    co_return bad_field("name", concat(quoted(draft->policy.name), " is not the name in the path, ", quoted(name)));
  }
  if (const auto checked = policy::check_name(name); !checked) co_return bad_field("name", checked.error().message);
  const auto revision = expected_revision(call, name);
  if (!revision) co_return problem(revision.error());
  const auto put = call.service->put_policy(name, std::move(*draft), *revision, call.caller);
  if (!put) co_return problem(put.error());
  const auto view = co_await call.service->settled(name);
  co_return view ? policy_response(*view, put->created ? 201 : 200) : problem(view.error());
}

Response start_policy(const Call& call) {
  return policy_or_problem(call.service->start_policy(call.args[0], call.caller));
}

Response preview_policy(const Call& call) {
  const auto draft = read_draft(call);
  if (!draft) return draft.error();
  const auto preview = call.service->preview(*draft);
  return preview ? json_response(to_json(*preview)) : problem(preview.error());
}

boost::asio::awaitable<Response> delete_policy(Call call) {
  const std::string name = call.args[0];
  Parameters parameters(call);
  const bool wait = parameters.flag("wait", true);
  if (auto refusal = parameters.refusal()) co_return std::move(*refusal);
  const auto revision = expected_revision(call, name);
  if (!revision) co_return problem(revision.error());
  const auto removed = co_await call.service->remove_policy(name, wait, *revision, call.caller);
  if (!removed) co_return problem(removed.error());
  co_return Response{wait ? 204U : 202U, "", ""};
}

boost::asio::awaitable<Response> stop_policy(Call call) {
  const std::string name = call.args[0];
  const auto view = co_await call.service->stop_policy(name, call.caller);
  co_return policy_or_problem(view);
}

Response stop_policies(const Call& call) {
  const auto value = read_json(call.request);
  if (!value) return value.error();
  const auto* object = value->if_object();
  for (const auto& field : object != nullptr ? *object : boost::json::object()) {
    if (field.key() != "names") return bad_field(field.key(), "is unknown: there is only `names`");
  }
  const auto* list = object != nullptr ? object->if_contains("names") : nullptr;
  const auto is_text = [](const boost::json::value& name) { return name.is_string(); };
  if (list == nullptr || !list->is_array() || !std::ranges::all_of(list->get_array(), is_text)) {
    return bad_field("names", "is the list of the policies to stop");
  }
  std::vector<std::string> names;
  for (const auto& name : list->get_array()) names.emplace_back(name.get_string());
  const auto stopped = call.service->stop_policies(names, call.caller);
  return stopped ? Response{202, "", ""} : problem(stopped.error());
}

}  // namespace entropy::api
