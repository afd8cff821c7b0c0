// top: a live view. Where standard output is no terminal, one picture.
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <ostream>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "cli/child.hpp"
#include "cli/command.hpp"
#include "cli/table.hpp"
#include "cli/top.hpp"

namespace entropy::cli {
namespace {

namespace json = boost::json;

// The terminal as a full-screen program wants it, and back again.
class FullScreen {
 public:
  explicit FullScreen(std::ostream& out) : out_(out) {
    ::tcgetattr(STDIN_FILENO, &before_);
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    out_ << "\033[?1049h\033[?25l" << std::flush;
  }
  ~FullScreen() {
    out_ << "\033[?25h\033[?1049l" << std::flush;
    ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  FullScreen(const FullScreen&) = delete;
  FullScreen& operator=(const FullScreen&) = delete;

  // Only as many lines as there are, each cleared behind its text.
  void show(const std::string& picture, const std::string& footer) {
    winsize size{};
    ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    const std::size_t height = size.ws_row == 0 ? 24 : size.ws_row;
    const auto lines = split(picture, '\n');
    out_ << "\033[H";
    for (std::size_t i = 0; i + 1 < height; ++i) {
      if (i < lines.size()) out_ << lines[i];
      out_ << "\033[K\r\n";
    }
    out_ << footer << "\033[K" << std::flush;
  }
  static std::size_t width() {
    winsize size{};
    ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    return size.ws_col;
  }

 private:
  std::ostream& out_;
  termios before_{};
};

json::array array_of(const Result<json::value>& answer) {
  return answer && answer->is_array() ? answer->get_array() : json::array();
}

TopFrame look(const Client& client) {
  TopFrame frame;
  frame.where = to_string(client.address());
  frame.now = SystemClock().now();
  const auto policies = client.call("GET", "/v1/policies");
  if (!policies) frame.trouble = policies.error().message;
  frame.policies = array_of(policies);
  if (!policies) return frame;
  frame.injectors = array_of(client.call("GET", "/v1/injectors"));
  frame.halt = client.call("GET", "/v1/halt").value_or(json::value());
  return frame;
}

// The next key within the time; 0 if there is none.
char key_within(std::chrono::milliseconds time, const Signals& signals) {
  if (signals.wait(time, STDIN_FILENO)) return 'q';
  pollfd input{STDIN_FILENO, POLLIN, 0};
  char key = 0;
  if (::poll(&input, 1, 0) == 1 && ::read(STDIN_FILENO, &key, 1) != 1) return 'q';
  return key;
}

std::string act_on(const Client& client, char key) {
  if (key == 'h') {
    const auto halted = client.call("PUT", "/v1/halt", json::object{{"reason", "entropy top"}});
    return halted ? "halted: every fault is read back as gone" : halted.error().message;
  }
  if (key == 'r') {
    const auto resumed = client.call("DELETE", "/v1/halt");
    return resumed ? "resumed" : resumed.error().message;
  }
  return "";
}

int watch(const Context& context, const Client& client) {
  const Signals signals;
  FullScreen screen(context.console.out);
  std::string said;
  while (context.console.out.good()) {
    const std::size_t width = FullScreen::width();
    const std::string footer = concat("h halt  r resume  q quit", said.empty() ? "" : "   ", said);
    screen.show(draw_top(look(client), {width, context.console.color}), shorten(footer, width == 0 ? 80 : width - 1));
    const char key = key_within(std::chrono::milliseconds(1000), signals);
    if (key == 'q' || key == 3) break;
    if (const std::string answer = act_on(client, key); !answer.empty()) said = answer;
  }
  return done;
}

}  // namespace

void add_top_command(Commands& commands) {
  commands.add("top", "a live view of policies, targets and active faults; h halts, r resumes, q quits", "entropy top",
               [](const Context& context) {
                 const auto client = context.client();
                 if (!client) return context.usage(client.error().message);
                 if (context.console.interactive) return watch(context, *client);
                 const TopFrame frame = look(*client);
                 if (!frame.trouble.empty()) return context.report({ErrorCode::unavailable, frame.trouble});
                 context.console.out << draw_top(frame, {context.console.width, context.console.color});
                 return done;
               });
}

}  // namespace entropy::cli
