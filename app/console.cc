// SPDX-License-Identifier: Apache-2.0
// Copyright the Sluice authors

#include "app/console.h"

#include <cmdline.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <sstream>

namespace sluice {

namespace {

// Where a token's word lies in cmdline's buffer for a parsed line: words of one
// size, the last of them perhaps the rest of the line.
constexpr unsigned kWordRoom = 128;
constexpr unsigned kMaxTokens = 16;
constexpr unsigned kRestRoom = 1024;  // more than cmdline's line
static_assert(kWordRoom * kMaxTokens + kRestRoom <= CMDLINE_PARSE_RESULT_BUFSIZE);

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string word; std::getline(in, word, separator);) {
    if (!word.empty()) out.push_back(word);
  }
  return out;
}

unsigned word_length(const char* text) {
  unsigned n = 0;
  while (!cmdline_isendoftoken(text[n])) ++n;
  return n;
}

}  // namespace

// A token as cmdline sees it; the header comes first.
struct Console::Token {
  enum class Kind : uint8_t {
    Word,       // one of `choices`, or anything if there are none
    Rest,       // the rest of the line
    RestGuide,  // completes one word of a rest; never matches a line that is run
  };

  cmdline_token_hdr header{};
  Kind kind = Kind::Word;
  bool hidden = false;  // of an instruction that completion and `?` do not show
  std::vector<std::string> choices;
  std::string help;

  static const Token& of(cmdline_parse_token_hdr_t* header) {
    return *reinterpret_cast<Token*>(header);
  }

  // cmdline gives no buffer while it only looks for completions.
  static int parse(cmdline_parse_token_hdr_t* header, const char* text, void* result,
                   unsigned room) {
    const Token& token = of(header);
    const bool completing = result == nullptr;
    if (completing && token.hidden) return -1;
    if (token.kind == Kind::RestGuide) return completing ? static_cast<int>(word_length(text)) : -1;
    unsigned n = word_length(text);
    if (token.kind == Kind::Rest) {
      if (completing) return -1;
      while (text[n] != '\0' && text[n] != '\n' && text[n] != '\r' && text[n] != '#') ++n;
      if (n >= std::min(room, kRestRoom)) return -1;
    } else {
      if (n == 0 || n >= kWordRoom || (!completing && n >= room)) return -1;
      const auto same = [&](const std::string& choice) {
        return choice.size() == n && choice.compare(0, n, text, n) == 0;
      };
      if (!token.choices.empty() &&
          std::none_of(token.choices.begin(), token.choices.end(), same)) {
        return -1;
      }
    }
    if (!completing) {
      std::memcpy(result, text, n);
      static_cast<char*>(result)[n] = '\0';
    }
    return static_cast<int>(n);
  }

  static int count_choices(cmdline_parse_token_hdr_t* header) {
    const Token& token = of(header);
    if (token.hidden) return 1;  // which get_choice() then refuses: no choice, no help
    return token.kind == Kind::Rest ? 0 : static_cast<int>(token.choices.size());
  }

  static int get_choice(cmdline_parse_token_hdr_t* header, int i, char* out, unsigned room) {
    const Token& token = of(header);
    if (token.hidden || i < 0 || static_cast<size_t>(i) >= token.choices.size()) return -1;
    const std::string& choice = token.choices[static_cast<size_t>(i)];
    if (choice.size() + 2 > room) return -1;
    std::memcpy(out, choice.c_str(), choice.size() + 1);
    return 0;
  }

  static int get_help(cmdline_parse_token_hdr_t* header, char* out, unsigned room) {
    snprintf(out, room, "%s", of(header).help.c_str());
    return 0;
  }
};

// cmdline_inst ends in a flexible array, which C++ has not: the memory is laid
// out by hand.
struct Console::Instruction {
  Instruction(Console& c, const Command& command, const std::vector<Token*>& tokens)
      : console(c), run(command.run), help(command.help), token_count(tokens.size()) {
    const size_t size =
        sizeof(cmdline_parse_inst_t) + (tokens.size() + 1) * sizeof(cmdline_parse_token_hdr_t*);
    inst = static_cast<cmdline_parse_inst_t*>(std::calloc(1, size));
    if (!inst) throw std::bad_alloc();
    inst->f = &Console::dispatch;
    inst->data = this;
    inst->help_str = help.c_str();
    for (size_t i = 0; i < tokens.size(); ++i) {
      inst->tokens[i] = &tokens[i]->header;
      rest = tokens[i]->kind == Token::Kind::Rest;
    }
  }
  ~Instruction() { std::free(inst); }
  Instruction(const Instruction&) = delete;
  Instruction& operator=(const Instruction&) = delete;

  Console& console;
  std::function<CommandOutcome(const std::vector<std::string>&)> run;
  std::string help;
  size_t token_count;
  bool rest = false;  // the last token is the rest of the line
  cmdline_parse_inst_t* inst = nullptr;
};

Console::Console(std::vector<Command> commands) : commands_(std::move(commands)) {
  commands_.push_back(
      {"help", "all commands", [this](const auto&) -> CommandOutcome { return help({}); }, {}});
  commands_.push_back({"help [command]",
                       "what a command does",
                       [this](const std::vector<std::string>& words) -> CommandOutcome {
                         return help({words.begin() + 1, words.end()});
                       },
                       {}});
  commands_.push_back({"quit",
                       "leave the console",
                       [](const auto&) -> CommandOutcome {
                         CommandOutcome outcome(CommandResult::done());
                         outcome.quit = true;
                         return outcome;
                       },
                       {}});
  for (const Command& command : commands_) add(command);
  instructions_.push_back(nullptr);
}

Console::~Console() = default;

void Console::add(const Command& command) {
  static cmdline_token_ops ops = {&Token::parse, &Token::count_choices, &Token::get_choice,
                                  &Token::get_help};
  const auto make = [&](Token::Kind kind, size_t index) {
    auto token = std::make_unique<Token>();
    token->header.ops = &ops;
    token->header.offset = static_cast<unsigned>(index) * kWordRoom;
    token->kind = kind;
    token->help = command.syntax;
    tokens_.push_back(std::move(token));
    return tokens_.back().get();
  };

  std::vector<Token*> tokens;
  for (const std::string& word : split(command.syntax, ' ')) {
    if (word.front() != '[') {
      Token* token = make(Token::Kind::Word, tokens.size());
      token->choices = word.front() == '<' ? command.choices : split(word, '|');
      tokens.push_back(token);
      continue;
    }
    // A rest is two instructions to cmdline: one that only completes, word by
    // word, and one that only runs.
    if (!command.choices.empty()) {
      std::vector<Token*> guide = tokens;
      while (guide.size() < kMaxTokens) {
        Token* token = make(Token::Kind::RestGuide, guide.size());
        token->choices = command.choices;
        guide.push_back(token);
      }
      add_instruction(command, guide);
    }
    std::vector<Token*> runs;
    for (const Token* shown : tokens) {
      runs.push_back(make(shown->kind, runs.size()));
      runs.back()->choices = shown->choices;
    }
    runs.push_back(make(Token::Kind::Rest, runs.size()));
    for (Token* token : runs) token->hidden = true;
    tokens = std::move(runs);
  }
  add_instruction(command, tokens);
}

void Console::add_instruction(const Command& command, const std::vector<Token*>& tokens) {
  storage_.push_back(std::make_unique<Instruction>(*this, command, tokens));
  instructions_.push_back(storage_.back()->inst);
}

void Console::dispatch(void* parsed, struct cmdline*, void* data) {
  const auto& instruction = *static_cast<const Instruction*>(data);
  const char* room = static_cast<const char*>(parsed);
  std::vector<std::string> words;
  for (size_t i = 0; i < instruction.token_count; ++i) words.emplace_back(room + i * kWordRoom);
  if (instruction.rest) {
    const std::string rest = words.back();
    words.pop_back();
    for (std::string& word : split(rest, ' ')) words.push_back(std::move(word));
  }
  instruction.console.outcome_.emplace(instruction.run(words));
}

std::optional<CommandOutcome> Console::take_outcome() {
  std::optional<CommandOutcome> out;
  out.swap(outcome_);
  return out;
}

CommandResult Console::help(const std::vector<std::string>& words) const {
  std::string text;
  size_t width = 0;
  const auto wanted = [&](const Command& command) {
    const std::vector<std::string> syntax = split(command.syntax, ' ');
    for (size_t i = 0; i < words.size() && i < syntax.size(); ++i) {
      if (syntax[i].front() == '<' || syntax[i].front() == '[') break;
      const std::vector<std::string> choices = split(syntax[i], '|');
      if (std::find(choices.begin(), choices.end(), words[i]) == choices.end()) return false;
    }
    return words.size() <= syntax.size();
  };
  for (const Command& command : commands_) {
    if (wanted(command)) width = std::max(width, command.syntax.size());
  }
  for (const Command& command : commands_) {
    if (!wanted(command)) continue;
    text += "  " + command.syntax + std::string(width - command.syntax.size() + 2, ' ') +
            command.help + '\n';
  }
  if (text.empty()) return CommandResult::failed("no command begins so; `help` lists them all\n");
  return CommandResult::done(text);
}

}  // namespace sluice
